// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tape/tape_editor.h"

#include <sqlite3.h>

#include <cstring>
#include <memory>
#include <stdexcept>

#include "schema/tape/chain.h"
#include "schema/tape/codec.h"
#include "schema/tape/message.h"
#include "schema/tape/tables.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"

namespace ktape::test {

namespace {

class Editor {
 public:
  explicit Editor(const std::string& path, int flags = SQLITE_OPEN_READWRITE)
      : database_(nullptr, sqlite3_close) {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
    database_.reset(raw);
    check(code);
    check(sqlite3_exec(raw, "PRAGMA synchronous=OFF", nullptr, nullptr, nullptr));
  }

  using Query = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;
  [[nodiscard]] Query query(const std::string& sql) const {
    sqlite3_stmt* raw = nullptr;
    check(sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &raw, nullptr));
    return {raw, sqlite3_finalize};
  }
  [[nodiscard]] bool step(const Query& query) const {
    const int code = sqlite3_step(query.get());
    if (code != SQLITE_ROW && code != SQLITE_DONE) check(code);
    return code == SQLITE_ROW;
  }

 private:
  void check(int code) const {
    if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(database_.get()));
  }

  std::unique_ptr<sqlite3, decltype(&sqlite3_close)> database_;
};

std::span<const std::byte> bytes_of(const Editor::Query& row, int column) {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(row.get(), column));
  return {data, static_cast<size_t>(sqlite3_column_bytes(row.get(), column))};
}

void append(std::string& to, std::span<const std::byte> bytes) {
  to.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void append_cell(std::string& to, const Editor::Query& row, int column) {
  const int type = sqlite3_column_type(row.get(), column);
  to += std::to_string(type) + ":";
  if (type == SQLITE_FLOAT) {
    const double value = sqlite3_column_double(row.get(), column);
    append(to, std::as_bytes(std::span(&value, 1)));
  } else {
    append(to, bytes_of(row, column));
  }
  to += '\n';
}

}  // namespace

std::string content_of(const std::string& path) {
  const Editor editor(path, SQLITE_OPEN_READONLY);
  std::string content;
  for (const std::string& table :
       sql_rows(path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")) {
    content += table + "\n";
    // If no column is the row number, the number is one more cell that can be changed.
    const std::string number = table == "blob" || table == "page" ? "rowid, " : "";
    const auto rows = editor.query("SELECT " + number + "* FROM \"" + table + "\" ORDER BY 1, 2");
    while (editor.step(rows)) {
      for (int column = 0; column < sqlite3_column_count(rows.get()); ++column)
        append_cell(content, rows, column);
    }
  }
  return content;
}

void put_record(const std::string& path, uint64_t seq, std::span<const std::byte> message) {
  const Editor editor(path);
  const auto update = editor.query("UPDATE event SET record = ?, kind = ? WHERE seq = ?");
  uint16_t kind = 0;  // of a record: the first two bytes of its fourth word
  std::memcpy(&kind, message.data() + 8 + 8 + 24, sizeof kind);
  sqlite3_bind_blob(update.get(), 1, message.data(), static_cast<int>(message.size()),
                    SQLITE_STATIC);
  sqlite3_bind_int(update.get(), 2, kind);
  sqlite3_bind_int64(update.get(), 3, static_cast<sqlite3_int64>(seq));
  (void)editor.step(update);
}

void chain_again(const std::string& path) {
  const Editor editor(path);
  Digest head{};
  const auto events = editor.query("SELECT seq, record FROM event ORDER BY seq");
  const auto update = editor.query("UPDATE event SET chain = ? WHERE seq = ?");
  while (editor.step(events)) {
    head = next_link(head, bytes_of(events, 1));
    sqlite3_bind_blob(update.get(), 1, head.data(), static_cast<int>(head.size()),
                      SQLITE_TRANSIENT);
    sqlite3_bind_int64(update.get(), 2, sqlite3_column_int64(events.get(), 0));
    (void)editor.step(update);
    sqlite3_reset(update.get());
  }
}

std::string put_blob(const std::string& path, const std::string& name,
                     std::span<const std::byte> content) {
  const Editor editor(path);
  const auto insert = editor.query("INSERT INTO blob(hash, name, codec, data) VALUES(?, ?, ?, ?)");
  const Digest hash = sha256(content);
  const Packed packed = must(pack(content));
  sqlite3_bind_blob(insert.get(), 1, hash.data(), static_cast<int>(hash.size()), SQLITE_STATIC);
  sqlite3_bind_text(insert.get(), 2, name.c_str(), -1, SQLITE_STATIC);
  sqlite3_bind_int64(insert.get(), 3, static_cast<sqlite3_int64>(packed.codec));
  sqlite3_bind_blob(insert.get(), 4, packed.data.data(), static_cast<int>(packed.data.size()),
                    SQLITE_STATIC);
  (void)editor.step(insert);
  return to_hex(hash);
}

std::vector<std::byte> framed(std::span<const uint64_t> words) {
  std::vector<std::byte> message(8 + words.size_bytes());
  const auto count = static_cast<uint32_t>(words.size());
  std::memcpy(message.data() + 4, &count, sizeof count);
  std::memcpy(message.data() + 8, words.data(), words.size_bytes());
  return message;
}

}  // namespace ktape::test
