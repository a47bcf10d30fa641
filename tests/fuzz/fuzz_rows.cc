// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "schema/base/file.h"
#include "schema/tape/chain.h"
#include "schema/tape/message.h"
#include "schema/tape/reading/event_cursor.h"
#include "schema/tape/verify/verify_parts.h"
#include "tests/fuzz/no_stack_traces.h"
#include "tests/schema/tape/every_kind.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

// A tape with rows in every table. The input changes, removes and adds some: one byte says whether
// the chain is recomputed, then come changes: two bytes for the cell, one for the kind of change,
// one for the length of the new content. The tape stays open and is rolled back, which is faster
// than files.
namespace {

using namespace ktape;

constexpr size_t kMaxChanges = 8;
enum How : uint8_t { kBlob, kText, kInteger, kNull, kRemoveRow, kAddRow, kHows };

// A column of a row.
struct Cell {
  std::string value;   // a query for it
  std::string change;  // ?1 is the new value
  std::string remove;
  std::string add;  // the row once more, with ?1 for the cell
};

std::vector<std::string> ask(const Database& database, const std::string& sql) {
  std::vector<std::string> answers;
  Statement query = test::must(database.prepare(sql));
  while (test::must(query.step())) answers.push_back(query.text(0));
  return answers;
}

std::string joined(const std::vector<std::string>& parts, const std::string& with) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : with) + part;
  return text;
}

class Tape {
 public:
  Tape() : database_(load()) {
    for (const std::string& table :
         ask(database_, "SELECT name FROM sqlite_schema WHERE type = 'table'")) {
      const std::string of = "FROM pragma_table_info('" + table + "')";
      const std::vector<std::string> columns = ask(database_, "SELECT name " + of);
      const std::vector<std::string> keys = ask(database_, "SELECT name " + of + " WHERE pk > 0");
      std::vector<std::string> equals;
      for (const std::string& key : keys)
        equals.push_back("'" + key + " = ' || quote(" + key + ")");
      const std::string rows = "SELECT " + joined(equals, " || ' AND ' || ") + " FROM " + table;
      for (const std::string& row : ask(database_, rows)) add_cells(table, columns, row);
    }
  }

  void begin() { execute("SAVEPOINT whole"); }
  void restore() { execute("ROLLBACK TO whole; RELEASE whole"); }

  // True if the cell has changed. A change that a constraint forbids is not made.
  bool change(size_t at, How how, std::span<const std::byte> value) {
    const Cell& cell = cells_[at % cells_.size()];
    const std::string& sql = how == kRemoveRow ? cell.remove
                             : how == kAddRow  ? cell.add
                                               : cell.change;
    const std::string before = content(cell);
    Statement statement = test::must(database_.prepare(sql));
    int64_t integer = 0;
    std::memcpy(&integer, value.data(), std::min(sizeof integer, value.size()));
    switch (how) {
      case kBlob: statement.bind(1, value); break;
      case kText:
        statement.bind(1,
                       std::string_view(reinterpret_cast<const char*>(value.data()), value.size()));
        break;
      case kInteger:
      case kAddRow: statement.bind(1, integer); break;
      case kNull: statement.bind_null(1); break;
      default: break;
    }
    const int rows = sqlite3_total_changes(database_.handle());
    if (!statement.run().ok() || sqlite3_total_changes(database_.handle()) == rows) return false;
    return how == kRemoveRow || how == kAddRow || content(cell) != before;
  }

  // As an attacker who rewrites a whole tape would.
  void chain_again() {
    Digest head{};
    Statement events = test::must(database_.prepare("SELECT seq, record FROM event ORDER BY seq"));
    Statement update = test::must(database_.prepare("UPDATE event SET chain = ? WHERE seq = ?"));
    while (test::must(events.step())) {
      head = next_link(head, events.bytes(1));
      update.bind(1, std::span<const std::byte>(head));
      update.bind(2, events.integer(0));
      test::must(update.run());
    }
  }

  [[nodiscard]] const Database& database() const { return database_; }

 private:
  static Database load() {
    const test::TempDir folder;
    test::TapeBuilder tape(folder.file("tape"));
    test::record_every_kind(tape);
    const SealedTape sealed = tape.seal();
    const std::vector<std::byte> bytes = test::must(read_file(sealed.path, size_t{1} << 24));
    Database database = test::must(
        Database::open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, "fuzzed"));
    auto* copy = static_cast<unsigned char*>(sqlite3_malloc64(bytes.size()));
    std::memcpy(copy, bytes.data(), bytes.size());
    const auto size = static_cast<sqlite3_int64>(bytes.size());
    const int code =
        sqlite3_deserialize(database.handle(), "main", copy, size, size,
                            SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
    KTAPE_CHECK(code == SQLITE_OK);
    return database;
  }

  void add_cells(const std::string& table, const std::vector<std::string>& columns,
                 const std::string& row) {
    const std::string where = " FROM " + table + " WHERE " + row;
    for (const std::string& column : columns) {
      std::vector<std::string> values = columns;
      std::ranges::replace(values, column, std::string("?1"));
      cells_.push_back(
          {"SELECT " + column + where, "UPDATE " + table + " SET " + column + " = ?1 WHERE " + row,
           "DELETE" + where, "INSERT INTO " + table + " SELECT " + joined(values, ", ") + where});
    }
  }

  // Type and bytes.
  std::string content(const Cell& cell) {
    Statement query = test::must(database_.prepare(cell.value));
    if (!test::must(query.step())) return "";
    return std::to_string(query.type(0)) + query.text(0);
  }

  void execute(const std::string& sql) { test::must(database_.execute(sql)); }

  Database database_;
  std::vector<Cell> cells_;
};

void read_records(const Database& database) {
  (void)state_of(database);
  auto cursor = EventCursor::all(database);
  if (!cursor.ok()) return;
  for (;;) {
    const auto row = cursor->next();
    if (!row.ok() || !*row || !cursor->record().ok()) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Tape tape;
  const fuzz::NoStackTraces quick;
  if (size == 0) return 0;
  const bool whole_chain = (data[0] & 1) != 0;
  auto rest = std::as_bytes(std::span(data + 1, size - 1));
  tape.begin();
  size_t changes = 0;
  for (size_t i = 0; i < kMaxChanges && rest.size() >= 4; ++i) {
    uint16_t cell = 0;
    std::memcpy(&cell, rest.data(), sizeof cell);
    const auto how = static_cast<How>(std::to_integer<uint8_t>(rest[2]) % kHows);
    const size_t length = std::min(rest.size() - 4, std::to_integer<size_t>(rest[3]));
    if (tape.change(cell, how, rest.subspan(4, length))) ++changes;
    rest = rest.subspan(4 + length);
  }
  if (whole_chain) tape.chain_again();
  read_records(tape.database());
  const bool intact = check_contents(tape.database()).ok();
  // One change may undo another, and only a recomputed chain can hide one.
  if (changes == 0 && !whole_chain && !intact) std::abort();
  if (changes == 1 && !whole_chain && intact) std::abort();
  tape.restore();
  return 0;
}
