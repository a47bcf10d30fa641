// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>

#include <algorithm>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "schema/tape/chain.h"
#include "schema/tape/message.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

// Changes a tape in ways that SQLite itself can: most changes to the bytes of a database are caught
// by SQLite, and never reach the contents of its rows.
namespace {

using namespace ktape;

using Handle = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;
using Query = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

Handle database_of(std::span<const uint8_t> bytes) {
  sqlite3* raw = nullptr;
  sqlite3_open(":memory:", &raw);
  Handle handle(raw, sqlite3_close);
  auto* copy = static_cast<unsigned char*>(sqlite3_malloc64(bytes.size() + 1));
  std::ranges::copy(bytes, copy);
  const auto size = static_cast<sqlite3_int64>(bytes.size());
  sqlite3_deserialize(raw, "main", copy, size, size,
                      SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
  return handle;
}

Query query_of(const Handle& database, const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  sqlite3_prepare_v2(database.get(), sql.c_str(), -1, &raw, nullptr);
  return {raw, sqlite3_finalize};
}

std::string ask(const Handle& database, const std::string& sql) {
  const Query query = query_of(database, sql);
  if (query == nullptr || sqlite3_step(query.get()) != SQLITE_ROW) return "";
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(query.get(), 0));
  return text != nullptr ? text : "";
}

// Recomputes every chain value, as an attacker who rewrites a whole tape would.
void chain_again(const Handle& database) {
  Digest head{};
  // A damaged tree may lead in circles.
  const Query events =
      query_of(database, "SELECT rowid, record FROM event ORDER BY seq LIMIT 1000");
  const Query update = query_of(database, "UPDATE event SET chain = ? WHERE rowid = ?");
  while (events != nullptr && update != nullptr && sqlite3_step(events.get()) == SQLITE_ROW) {
    const auto* record = static_cast<const std::byte*>(sqlite3_column_blob(events.get(), 1));
    head = next_link(head,
                     std::span(record, static_cast<size_t>(sqlite3_column_bytes(events.get(), 1))));
    sqlite3_bind_blob(update.get(), 1, head.data(), static_cast<int>(head.size()),
                      SQLITE_TRANSIENT);
    sqlite3_bind_int64(update.get(), 2, sqlite3_column_int64(events.get(), 0));
    sqlite3_step(update.get());
    sqlite3_reset(update.get());
  }
}

// One cell of one row of one table, with other bytes.
void change_cell(const Handle& database, std::minstd_rand& random) {
  const std::string table = random() % 2 == 0
                                ? "event"
                                : ask(database,
                                      "SELECT name FROM sqlite_master WHERE type = 'table' "
                                      "ORDER BY random() LIMIT 1");
  const std::string column = ask(
      database, "SELECT name FROM pragma_table_info('" + table + "') ORDER BY random() LIMIT 1");
  const std::string row =
      ask(database, "SELECT rowid FROM \"" + table + "\" ORDER BY random() LIMIT 1");
  if (column.empty() || row.empty()) return;
  const std::string cell = "\"" + column + "\" FROM \"" + table + "\" WHERE rowid = " + row;
  const Query query = query_of(database, "SELECT " + cell);
  if (query == nullptr || sqlite3_step(query.get()) != SQLITE_ROW) return;
  const int type = sqlite3_column_type(query.get(), 0);
  const auto* old = static_cast<const uint8_t*>(sqlite3_column_blob(query.get(), 0));
  std::vector<uint8_t> bytes(old, old + sqlite3_column_bytes(query.get(), 0));
  const size_t size = bytes.size();
  bytes.resize(size + 64);
  bytes.resize(LLVMFuzzerMutate(bytes.data(), size, bytes.size()));
  const Query update = query_of(
      database, "UPDATE \"" + table + "\" SET \"" + column + "\" = ? WHERE rowid = " + row);
  if (update == nullptr) return;
  if (type == SQLITE_BLOB || random() % 8 == 0) {
    sqlite3_bind_blob(update.get(), 1, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
  } else {
    // Digits become a number if the column is one.
    sqlite3_bind_text(update.get(), 1, reinterpret_cast<const char*>(bytes.data()),
                      static_cast<int>(bytes.size()), SQLITE_STATIC);
  }
  sqlite3_step(update.get());
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  std::minstd_rand random(seed);
  if (random() % 4 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const Handle database = database_of({data, size});
  do {
    change_cell(database, random);
  } while (random() % 2 == 0);
  if (random() % 2 == 0) chain_again(database);
  sqlite3_int64 bytes = 0;
  const auto* whole = sqlite3_serialize(database.get(), "main", &bytes, SQLITE_SERIALIZE_NOCOPY);
  if (whole == nullptr || static_cast<size_t>(bytes) > max_size)
    return LLVMFuzzerMutate(data, size, max_size);
  std::copy_n(whole, bytes, data);
  return static_cast<size_t>(bytes);
}
