// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>

#include "tests/replay/export/decoded_trace.h"
#include "tests/replay/programs.h"
#include "tests/support/agreed_text.h"
#include "tests/support/must.h"
#include "tests/support/reader_version.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("the CSV files have every cell of the SQL tables") {
  INFO(version_of("/usr/bin/python3"));
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  REQUIRE(run_program("ktape-export", {tape, "--csv", "-o", folder.file("out")}).exit_status == 0);
  CHECK(python(R"(
import csv, os, sqlite3, sys
tape = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro&immutable=1", uri=True)
tables = [r[0] for r in tape.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
tables = [t for t in tables if t not in ("event", "blob", "page", "freeze_page")]
assert sorted(t + ".csv" for t in tables) == sorted(os.listdir(sys.argv[2]))
cells = 0
for table in tables:
    rows = tape.execute(f"SELECT * FROM {table}")
    names = [d[0] for d in rows.description]
    with open(f"{sys.argv[2]}/{table}.csv", newline="", encoding="utf-8") as file:
        for row, line in zip(rows, csv.DictReader(file), strict=True):
            for name, cell in zip(names, row):
                wanted = "" if cell is None else str(cell)
                assert line[name] == wanted, (table, name, cell, line[name])
                cells += 1
print(cells > 400)
)",
               {tape, folder.file("out")}) == "True\n");
}

TEST_CASE("values of 64 bits survive Python's csv and SQLite's import") {
  INFO(version_of("/usr/bin/python3"));
  INFO(version_of("sqlite3"));
  TempDir folder;
  std::string tape = make_wide_tape(folder.file("run.ktape"));
  std::string csv = folder.file("ops.csv");
  REQUIRE(
      run_program("ktape-export", {tape, "--csv", "--table", "kernel_op", "-o", csv}).exit_status ==
      0);
  CHECK(python(R"(
import csv, sys
for row in csv.DictReader(open(sys.argv[1], newline="")):
    print(row["tag"], row["value"], row["value_hex"])
)",
               {csv}) ==
        "largest 18446744073709551615 0xffffffffffffffff\nodd 9007199254740993 0x20000000000001\n"
        "failed, \"not\" mapped  \n");
  std::string line = "sqlite3 :memory: -cmd '.mode csv' -cmd '.import " + csv +
                     " ops' -cmd '.mode list' 'SELECT value, value_hex FROM ops LIMIT 2'";
  CHECK(must(run_child("/bin/sh", {"-c", line}, 1 << 20)).output ==
        "18446744073709551615|0xffffffffffffffff\n9007199254740993|0x20000000000001\n");
}

TEST_CASE("the Perfetto trace decodes with Protocol Buffers' own reader") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  std::string trace = folder.file("run.pftrace");
  REQUIRE(run_program("ktape-export", {tape, "--perfetto", "-o", trace}).exit_status == 0);
  std::string text = decoded(trace);
  CHECK(text == agreed_text(KTAPE_TESTS "/golden/sample.pftrace.txt", text));
  CHECK(count_of(text, "TYPE_SLICE_BEGIN") == count_of(text, "TYPE_SLICE_END"));
}

TEST_CASE("a Perfetto trace of a run that was cut off ends the slices that were open") {
  TempDir folder;
  std::string trace = folder.file("run.pftrace");
  TapeBuilder builder(folder.file("run.ktape"));
  builder.step_started(0, "a \x1b[2J step");
  builder.worker_started("w", 5, 1);
  builder.request({{.tag = "t", .target = symbol_target("jiffies_64")}});
  std::string tape = builder.seal(schema::Outcome::GUEST_PANICKED, -1).path;
  REQUIRE(run_program("ktape-export", {tape, "--perfetto", "-o", trace}).exit_status == 0);
  std::string text = decoded(trace);
  CHECK(count_of(text, "TYPE_SLICE_BEGIN") == 3);
  CHECK(count_of(text, "TYPE_SLICE_END") == 3);
  CHECK_THAT(text, ContainsSubstring("name: \"a \\\\x1b[2J step\""));
}

TEST_CASE("a counter above 2^63 is a floating-point number in Perfetto, and exact in its slice") {
  TempDir folder;
  std::string trace = folder.file("run.pftrace");
  std::string tape = make_wide_tape(folder.file("run.ktape"));
  REQUIRE(run_program("ktape-export", {tape, "--perfetto", "-o", trace}).exit_status == 0);
  std::string text = decoded(trace);
  CHECK_THAT(text, ContainsSubstring("double_counter_value: 1.8446744073709552e+19"));
  CHECK_THAT(text, ContainsSubstring("counter_value: 9007199254740993"));
  CHECK_THAT(text,
             ContainsSubstring("string_value: \"18446744073709551615 (0xffffffffffffffff)\""));
}

TEST_CASE("a target has one Perfetto counter with all its values in order, whatever their tags") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("series");
  const auto nr = [](uint64_t value) {
    return TapeEntry{.tag = "nr",
                     .target = per_cpu_target("runqueues", 0, "nr_running"),
                     .value = value,
                     .type = "unsigned int"};
  };
  const auto ticks = [](const std::string& tag, uint64_t value) {
    return TapeEntry{.tag = tag, .target = symbol_target("jiffies_64"), .value = value};
  };
  builder.hot(ticks("ticks", 100), 1, GuestNs(5'000));
  builder.hot(nr(3), 1, GuestNs(6'000));
  builder.hot(ticks("ticks", 101), 2, GuestNs(7'000));
  builder.hot(ticks("ticks", 103), 4, GuestNs(9'000));
  builder.op({ticks("at_the_end", 109), nr(2)});
  const std::string tape = builder.seal().path;
  const std::string trace = folder.file("run.pftrace");
  REQUIRE(run_program("ktape-export", {tape, "--perfetto", "-o", trace}).exit_status == 0);
  const std::vector<Counter> counters = counters_in(decoded(trace));
  REQUIRE(counters.size() == 2);
  CHECK(counters[0].name == "jiffies_64:u64");
  CHECK(counters[0].values == std::vector<std::string>{"100", "101", "103", "109"});
  CHECK(counters[0].tags == std::vector<std::string>{"ticks", "ticks", "ticks", "at_the_end"});
  CHECK(counters[0].guest_ns == std::vector<std::string>{"5000", "7000", "9000", ""});
  CHECK(std::ranges::is_sorted(counters[0].times));
  CHECK(counters[1].name == "runqueues[cpu 0].nr_running");
  CHECK(counters[1].values == std::vector<std::string>{"3", "2"});
}

TEST_CASE("widths of a target without a type have a Perfetto counter each") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  TapeEntry entry{.tag = "low", .target = symbol_target("jiffies_64"), .value = 7};
  builder.hot(entry);
  entry.asked = schema::ValueKind::U32;
  builder.hot(entry);
  const std::string tape = builder.seal().path;
  const std::string trace = folder.file("run.pftrace");
  REQUIRE(run_program("ktape-export", {tape, "--perfetto", "-o", trace}).exit_status == 0);
  const std::vector<Counter> counters = counters_in(decoded(trace));
  REQUIRE(counters.size() == 2);
  CHECK(counters[0].name == "jiffies_64:u64");
  CHECK(counters[1].name == "jiffies_64:u32");
}

TEST_CASE("JSON Lines are the same as show's JSON") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  std::string lines = run_program("ktape-export", {tape, "--jsonl", "-o", "-"}).output;
  CHECK(!lines.empty());
  CHECK(lines == run_program("ktape-show", {"--json", tape}).output);
}

TEST_CASE("nothing is overwritten, and an altered tape is not converted") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  for (const char* what : {"--perfetto", "--jsonl", "--csv"}) {
    CHECK(run_program("ktape-export", {tape, what, "-o", tape}).exit_status == 2);
  }
  CHECK(run_program("ktape-verify", {tape}).exit_status == 0);
  damage(tape, "verify_jiffies_64");
  CHECK(run_program("ktape-export", {tape, "--jsonl", "-o", folder.file("x")}).exit_status == 3);
  CHECK_FALSE(std::filesystem::exists(folder.file("x")));
}

TEST_CASE("export refuses what it cannot make") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  CHECK(run_program("ktape-export", {tape, "-o", "-"}).exit_status == 2);
  CHECK(run_program("ktape-export", {tape, "--csv", "--jsonl", "-o", "-"}).exit_status == 2);
  CHECK(run_program("ktape-export", {tape, "--csv", "-o", "-"}).exit_status == 2);
  CHECK(run_program("ktape-export", {tape, "--csv", "--table", "event", "-o", "-"}).exit_status ==
        2);
  CHECK(run_program("ktape-export", {tape, "--jsonl", "-o", "/nonexistent/x"}).exit_status == 4);
  CHECK_THAT(errors_of("ktape-export", tape + " --csv --table kernel_ops -o -"),
             ContainsSubstring("hint: did you mean 'kernel_op'?"));
}

TEST_CASE("what a Perfetto trace has no track for is reported in it and on standard error") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("many");
  for (int i = 0; i < 1002; ++i)
    builder.worker_started("w" + std::to_string(i), 100 + i, 1'000'000'000);
  builder.worker_started("w1001", 2000, 2'000'000'000);  // again: the same track
  std::vector<TapeEntry> entries;
  for (int i = 0; i < 1001; ++i)
    entries.push_back({.tag = "v", .target = symbol_target("v" + std::to_string(i))});
  builder.op(entries);
  const std::string tape = builder.seal().path;
  const std::string trace = folder.file("run.pftrace");
  const std::string said =
      "not in the trace: 2 workers, 1 value: it has at most 1000 tracks of each sort";
  CHECK(errors_of("ktape-export", tape + " --perfetto -o " + trace) ==
        "ktape export: " + said + "\n");
  CHECK(count_of(decoded(trace), said) == 1);
}

TEST_CASE("a complete Perfetto trace reports nothing missing") {
  TempDir folder;
  const std::string tape = make_tape(folder.file("run.ktape")).path;
  const std::string trace = folder.file("run.pftrace");
  CHECK(errors_of("ktape-export", tape + " --perfetto -o " + trace).empty());
  CHECK(count_of(decoded(trace), "not in the trace") == 0);
}

}  // namespace ktape::test
