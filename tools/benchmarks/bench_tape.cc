// SPDX-License-Identifier: Apache-2.0
// `append-single` and `append-group`: appending the events of a real run through the tape's writer,
// with a commit per event or per thousand events, beside prepared statements that put the same rows
// into the same tables, with the same chain and the same durability.
#include <benchmark/benchmark.h>
#include <sqlite3.h>

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <array>
#include <map>
#include <set>
#include <stdexcept>

#include "schema/tape/message.h"
#include "schema/tape/projection/projection.h"
#include "schema/tape/tables.h"
#include "schema/tape/verify/verify_parts.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"
#include "tools/benchmarks/event_mix.h"

namespace ktape::bench {
namespace {

constexpr size_t kEvents = 20'000;  // of each run of a benchmark

// The events, created once.
const std::vector<std::unique_ptr<capnp::MallocMessageBuilder>>& events() {
  static const auto made = [] {
    EventMix mix(KTAPE_REFERENCE_TAPE);
    std::vector<std::unique_ptr<capnp::MallocMessageBuilder>> all;
    for (size_t i = 0; i < kEvents; ++i) all.push_back(mix.next());
    return all;
  }();
  return made;
}

void check(int code) {
  if (code != SQLITE_OK && code != SQLITE_DONE) throw std::runtime_error(sqlite3_errstr(code));
}

// The rows that the floor writes for an event, created before the measurement.
struct RawRow {
  size_t statement = 0;
  std::vector<Cell> cells;
};
struct RawEvent {
  int64_t kind = 0;
  std::vector<std::byte> record;
  std::vector<RawRow> rows;
};
struct RawEvents {
  std::vector<RawEvent> events;
  std::vector<std::string> statements;  // key columns first
};

// An INSERT, or an UPDATE of an existing row.
std::string sql_of(const Row& row, bool update) {
  const size_t keys = key_columns_of(row.shape);
  std::string columns, values, sets, where;
  for (size_t i = 0; i < row.columns.size(); ++i) {
    const std::string name = row.columns[i].name, value = "?" + std::to_string(i + 1);
    columns += (i == 0 ? "" : ", ") + name;
    values += (i == 0 ? "" : ", ") + value;
    std::string& equal = i < keys ? where : sets;
    equal.append(equal.empty() ? ""
                 : i < keys    ? " AND "
                               : ", ")
        .append(name)
        .append(" = ")
        .append(value);
  }
  const std::string table = table_of(row.shape);
  return update ? "UPDATE " + table + " SET " + sets + " WHERE " + where
                : "INSERT INTO " + table + "(" + columns + ") VALUES(" + values + ")";
}

RawEvents make_raw() {
  RawEvents raw;
  std::map<std::string, size_t> numbers;
  std::set<std::pair<std::string, std::vector<Cell>>> there;
  RecordDecoder decoder;
  for (size_t i = 0; i < kEvents; ++i) {
    const auto event = events()[i]->getRoot<schema::Record>().asReader();
    const RecordMessage message = test::must(
        RecordMessage::build(Seq(i + 1), HostNs(i + 1), GuestNs(event.getGuestNs()),
                             [&](schema::Record::Builder to) { copy_event(to, event); }));
    const auto record = test::must(decoder.decode(message.bytes()));
    RawEvent& made = raw.events.emplace_back();
    made.kind = kind_of(record);
    made.record.assign(message.bytes().begin(), message.bytes().end());
    for (const Row& row : project(record)) {
      RawRow& cells = made.rows.emplace_back();
      for (const Column& column : row.columns) cells.cells.push_back(column.cell);
      const std::vector<Cell> key(
          cells.cells.begin(),
          cells.cells.begin() + static_cast<std::ptrdiff_t>(key_columns_of(row.shape)));
      const bool update = !there.emplace(table_of(row.shape), key).second;
      const auto [number, made_now] = numbers.emplace(sql_of(row, update), raw.statements.size());
      if (made_now) raw.statements.push_back(number->first);
      cells.statement = number->second;
    }
  }
  return raw;
}

const RawEvents& raw_events() {
  static const RawEvents made = make_raw();
  return made;
}

// The bare loop.
class Floor {
 public:
  explicit Floor(const std::string& path) {
    check(sqlite3_open_v2(path.c_str(), &database_,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                          nullptr));
    run("PRAGMA locking_mode=EXCLUSIVE");
    run(kTapeTables);
    run(kProjectionTables);
    run("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=8192");
    begin_ = prepare("BEGIN");
    commit_ = prepare("COMMIT");
    event_ = prepare("INSERT INTO event(seq, kind, record, chain) VALUES(?, ?, ?, ?)");
    for (const std::string& sql : raw_events().statements) rows_.push_back(prepare(sql));
  }
  ~Floor() {
    for (sqlite3_stmt* statement : rows_) sqlite3_finalize(statement);
    for (sqlite3_stmt* statement : {begin_, commit_, event_}) sqlite3_finalize(statement);
    sqlite3_close(database_);
  }
  Floor(const Floor&) = delete;
  Floor& operator=(const Floor&) = delete;

  void append(size_t number) {
    const RawEvent& event = raw_events().events[number];
    std::array<unsigned char, 2 * SHA256_DIGEST_LENGTH> link;
    std::copy(head_.begin(), head_.end(), link.begin());
    hash(event.record.data(), event.record.size(), link.data() + SHA256_DIGEST_LENGTH);
    hash(link.data(), link.size(), head_.data());
    sqlite3_bind_int64(event_, 1, static_cast<int64_t>(number) + 1);
    sqlite3_bind_int64(event_, 2, event.kind);
    sqlite3_bind_blob64(event_, 3, event.record.data(), event.record.size(), SQLITE_STATIC);
    sqlite3_bind_blob64(event_, 4, head_.data(), head_.size(), SQLITE_STATIC);
    execute(event_);
    for (const RawRow& row : event.rows) {
      sqlite3_stmt* statement = rows_[row.statement];
      for (size_t i = 0; i < row.cells.size(); ++i)
        bind(statement, static_cast<int>(i) + 1, row.cells[i]);
      execute(statement);
    }
  }
  void begin() { execute(begin_); }
  void commit() { execute(commit_); }

 private:
  void run(const char* sql) { check(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr)); }
  sqlite3_stmt* prepare(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(database_, sql.c_str(), -1, &statement, nullptr));
    return statement;
  }
  static void hash(const void* bytes, size_t size, unsigned char* digest) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes, size);
    SHA256_Final(digest, &context);
  }
  static void bind(sqlite3_stmt* statement, int at, const Cell& cell) {
    if (const auto* number = std::get_if<int64_t>(&cell)) {
      sqlite3_bind_int64(statement, at, *number);
    } else if (const auto* text = std::get_if<std::string>(&cell)) {
      sqlite3_bind_text64(statement, at, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
    } else {
      sqlite3_bind_null(statement, at);
    }
  }
  static void execute(sqlite3_stmt* statement) {
    check(sqlite3_step(statement));
    sqlite3_reset(statement);
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
  sqlite3_stmt* event_ = nullptr;
  std::vector<sqlite3_stmt*> rows_;
  std::array<unsigned char, SHA256_DIGEST_LENGTH> head_{};
};

void append_floor(benchmark::State& state, size_t group) {
  (void)raw_events();
  for (auto _ : state) {
    state.PauseTiming();
    const test::TempDir folder;
    {
      Floor floor(folder.file("floor"));
      state.ResumeTiming();
      for (size_t i = 0; i < kEvents; ++i) {
        if (i % group == 0) floor.begin();
        floor.append(i);
        if ((i + 1) % group == 0) floor.commit();
      }
      state.PauseTiming();
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kEvents));
}

void append_ours(benchmark::State& state, size_t group) {
  (void)events();
  for (auto _ : state) {
    state.PauseTiming();
    const test::TempDir folder;
    {
      auto writer = test::must(TapeWriter::create(folder.file("ours")));
      state.ResumeTiming();
      for (size_t i = 0; i < kEvents; ++i) {
        const auto event = events()[i]->getRoot<schema::Record>().asReader();
        (void)test::must(append(*writer, i + 1, event));
        if ((i + 1) % group == 0) test::must(writer->commit());
      }
      state.PauseTiming();
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kEvents));
}

// The floor is valid only if it writes what the writer would.
void check_floor() {
  const test::TempDir folder;
  {
    Floor floor(folder.file("floor"));
    floor.begin();
    for (size_t i = 0; i < kEvents; ++i) floor.append(i);
    floor.commit();
  }
  const Database tape =
      test::must(Database::open(folder.file("floor"), SQLITE_OPEN_READWRITE, "the floor's tape"));
  test::must(check_contents(tape));
}

}  // namespace
}  // namespace ktape::bench

int main(int count, char** arguments) {
  using namespace ktape::bench;
  constexpr size_t kGroup = 1000;
  const auto add = [](const char* name, auto run, size_t group) {
    benchmark::RegisterBenchmark(name, [=](benchmark::State& state) {
      run(state, group);
    })->UseRealTime();
  };
  add("append-single/floor", &append_floor, 1);
  add("append-single/ours", &append_ours, 1);
  add("append-group/floor", &append_floor, kGroup);
  add("append-group/ours", &append_ours, kGroup);
  benchmark::Initialize(&count, arguments);
  check_floor();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
