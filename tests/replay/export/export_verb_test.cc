// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>

#include "replay/export/csv_export.h"
#include "replay/export/proto_writer.h"
#include "schema/base/file.h"
#include "schema/wire/data.h"
#include "tests/replay/programs.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

// A tape with a value above 2^63, one that doubles round, and one that was not read.
std::string wide_tape(const std::string& path) {
  TapeBuilder builder(path);
  builder.run_started("wide");
  auto value = [](const std::string& tag, uint64_t is) {
    return TapeEntry{.tag = tag, .target = symbol_target("jiffies_64"), .value = is};
  };
  TapeEntry failed = value("failed, \"not\" mapped", 0);
  failed.status = schema::EntryStatus::FAILED;
  builder.op({value("largest", 18446744073709551615U), value("odd", 9007199254740993U), failed});
  return builder.seal().path;
}

std::string read(const std::string& path) { return must(read_text_file(path, 1 << 20)); }

std::string decoded(const std::string& trace) {
  std::string line =
      "protoc -I '" KTAPE_TESTS "' --decode=perfetto.protos.Trace perfetto.proto < '" + trace + "'";
  ChildResult child = must(run_child("/bin/sh", {"-c", line}, 1 << 24));
  REQUIRE(child.exit_status == 0);
  return child.output;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("a cell of CSV is quoted where it has to be, and NULL is not an empty text") {
  CHECK(csv_cell(std::nullopt).empty());
  CHECK(csv_cell("") == "\"\"");
  CHECK(csv_cell("plain text") == "plain text");
  CHECK(csv_cell("a,b") == "\"a,b\"");
  CHECK(csv_cell("say \"x\"\n") == "\"say \"\"x\"\"\n\"");
}

TEST_CASE("only whole decimal numbers of 64 bits have a hex form") {
  CHECK(hex_of_decimal("18446744073709551615") == "0xffffffffffffffff");
  CHECK(hex_of_decimal("0") == "0x0");
  for (const char* text : {"", "18446744073709551616", "-1", "x'00'", "[1, 2]", "5 "}) {
    CHECK_FALSE(hex_of_decimal(text).has_value());
  }
  CHECK_FALSE(hex_of_decimal(std::nullopt).has_value());
}

TEST_CASE("fields have the wire format of Protocol Buffers") {
  ProtoWriter inner;
  inner.number(1, 150);
  ProtoWriter writer;
  writer.message(3, inner);
  writer.text(2, "testing");
  writer.number(16, ~uint64_t{0});
  writer.real(1, 1.0);
  CHECK(writer.bytes() == std::string("\x1a\x03\x08\x96\x01"
                                      "\x12\x07testing"
                                      "\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                      "\x09\x00\x00\x00\x00\x00\x00\xf0\x3f",
                                      5 + 9 + 12 + 9));
}

TEST_CASE("the CSV files hold every cell of the tables for SQL") {
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
                assert line[name] == ("" if cell is None else str(cell)), (table, name, cell, line[name])
                cells += 1
print(cells > 400)
)",
               {tape, folder.file("out")}) == "True\n");
}

TEST_CASE("values of 64 bits survive Python's csv and SQLite's import") {
  TempDir folder;
  std::string tape = wide_tape(folder.file("run.ktape"));
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

TEST_CASE("the Perfetto trace is what Protocol Buffers' own reader takes it for") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  std::string trace = folder.file("run.pftrace");
  REQUIRE(run_program("ktape-export", {tape, "--perfetto", "-o", trace}).exit_status == 0);
  std::string text = decoded(trace);
  CHECK(text == read(KTAPE_TESTS "/golden/sample.pftrace.txt"));
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
  std::string tape = wide_tape(folder.file("run.ktape"));
  REQUIRE(run_program("ktape-export", {tape, "--perfetto", "-o", trace}).exit_status == 0);
  std::string text = decoded(trace);
  CHECK_THAT(text, ContainsSubstring("double_counter_value: 1.8446744073709552e+19"));
  CHECK_THAT(text, ContainsSubstring("counter_value: 9007199254740993"));
  CHECK_THAT(text,
             ContainsSubstring("string_value: \"18446744073709551615 (0xffffffffffffffff)\""));
}

TEST_CASE("JSON Lines are what show prints as JSON") {
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

TEST_CASE("the parts of a tape add up to its file") {
  TempDir folder;
  for (const std::string& tape :
       {make_tape(folder.file("run.ktape")).path, wide_tape(folder.file("b.ktape"))}) {
    CHECK(python(R"(
import json, os, subprocess, sys
info = json.loads(subprocess.run([sys.argv[1], sys.argv[2], "--size", "--json"], capture_output=True, check=True).stdout)
parts = {(p["group"], p["name"]): p for p in info["size"]}
print(sum(p["bytes"] for p in info["size"]) == info["fileBytes"] == os.path.getsize(sys.argv[2]))
print(info["integrity"], info["losses"], parts["records", "opReplied"]["count"] == info["records"]["opReplied"])
)",
                 {KTAPE_BIN "/ktape-info", tape}) == "True\nintact none True\n");
  }
}

TEST_CASE("info tells each blob's size by its name, and what a tape is in a few lines") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("small");
  std::string noise;
  for (uint64_t i = 0, x = 1; i < 20'000;
       ++i, x = x * 6364136223846793005U + 1442695040888963407U) {
    noise += static_cast<char>(x >> 56);
  }
  (void)must(builder.writer().add_blob("btf", as_bytes(noise)));
  SealedTape tape = builder.seal();
  ChildResult child = run_program("ktape-info", {tape.path, "--size"});
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output,
             ContainsSubstring("outcome     completed, exit code 0\nscenario    small\n"));
  CHECK_THAT(child.output, ContainsSubstring("head        " + to_hex(tape.head) + "\n"));
  // It cannot be compressed, so it is there as it is.
  CHECK_THAT(child.output, ContainsSubstring("blobs           20000 "));
  damage(tape.path, "small");
  CHECK(run_program("ktape-info", {tape.path}).exit_status == 3);
}

TEST_CASE("an altered tape is not measured: its tables may lead in circles") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("small");
  const SealedTape tape = builder.seal();
  sql(tape.path, "DELETE FROM event WHERE seq = 1");
  const ChildResult child = run_program("ktape-info", {tape.path, "--size"});
  CHECK(child.exit_status == 3);
  CHECK_THAT(child.output, !ContainsSubstring("SIZE"));
}

TEST_CASE("info tells what became of each trigger") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("small");
  builder.triggers = {{"scx-error"}, {"symbol:schedule", true, 2, 3}, {"symbol:panic", false, 0}};
  builder.intervals = [](schema::IntervalCounts::Builder counts) {
    counts.setFroze(7);
    counts.setSkippedLate(1);
  };
  SealedTape tape = builder.seal();
  const ChildResult child = run_program("ktape-info", {tape.path});
  CHECK_THAT(child.output,
             ContainsSubstring("frozen on   scx-error: never\n"
                               "            symbol:schedule: 3 hits in 2 freezes\n"
                               "            symbol:panic: never, it was not set up\n"
                               "            time: 7 of 8 intervals froze; 1 was skipped: the "));
  CHECK_THAT(
      run_program("ktape-info", {tape.path, "--json"}).output,
      ContainsSubstring(R"("triggers":[{"name":"scx-error","armed":true,"freezes":0,"hits":0},)"
                        R"({"name":"symbol:schedule","armed":true,"freezes":2,"hits":3},)"
                        R"({"name":"symbol:panic","armed":false,"freezes":0,"hits":0}],)"
                        R"("intervals":{"froze":7,"skippedBusy":0,"skippedLate":1},)"));
}

TEST_CASE("info tells of the host, what vCPUs waited for it, and the guest's clocksources") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.add([](schema::Record::Builder record) {
    auto run = record.initRunStarted();
    run.setHostCpu(as_data("Zen"));
    auto host = run.initHostProcessor();
    host.setKnown(true);
    host.setKvmNested(as_data("1"));
    host.setCpus(4);
  });
  for (const uint64_t waited_ns : {0, 50'000}) {
    builder.add([&](schema::Record::Builder record) {
      auto vcpus = record.initRunDelays().initVcpus(2);
      vcpus[0].setKnown(true);
      vcpus[0].setRanNs(waited_ns);
      vcpus[0].setWaitedNs(waited_ns);
      vcpus[1].setVcpu(1);
    });
  }
  for (const char* name : {"tsc", "hpet"}) {
    builder.add([&](schema::Record::Builder record) {
      record.initClocksourceSeen().setName(as_data(std::string_view(name)));
    });
  }
  const std::string tape = builder.seal().path;
  const std::string text = run_program("ktape-info", {tape}).output;
  CHECK_THAT(text,
             ContainsSubstring(
                 "host        Zen, 4 CPUs of a host that is no guest\n"
                 "            in 1.00 ms vCPUs waited for one of its CPUs: CPU 0 50.0 us (5.0 %), "
                 "CPU 1 not known\n"));
  CHECK_THAT(text, ContainsSubstring("clocksource tsc, then hpet\n"));
  CHECK_THAT(run_program("ktape-info", {tape, "--json"}).output,
             ContainsSubstring(
                 R"("host":{"cpu":"Zen","cpus":4,"isGuest":false,"hypervisor":"","kvmNested":"1"},)"
                 R"("runDelays":{"ofNs":1000000,"vcpus":[{"cpu":0,"ranNs":50000,"waitedNs":50000},)"
                 R"({"cpu":1,"ranNs":null,"waitedNs":null}]},"clocksources":["tsc","hpet"],)"));
  const std::string trace = folder.file("run.pftrace");
  REQUIRE(run_program("ktape-export", {tape, "--perfetto", "-o", trace}).exit_status == 0);
  const std::string events = decoded(trace);
  CHECK_THAT(events, ContainsSubstring("name: \"CPU 0 waited, per mille\""));
  CHECK_THAT(events, ContainsSubstring("counter_value: 50\n"));
  CHECK_THAT(events, ContainsSubstring("name: \"clocksource hpet\""));
}

TEST_CASE("info of a tape that tells nothing of its host says null") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("small");
  CHECK_THAT(run_program("ktape-info", {builder.seal().path, "--json"}).output,
             ContainsSubstring(R"("host":null,"runDelays":null,"clocksources":[],)"));
}

TEST_CASE(
    "info prints what was tested, the command that captures it again, and the scenario byte for "
    "byte") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  constexpr char kText[] = "(name = \"mine\",\r\n steps = [])";
  builder.add([&](schema::Record::Builder record) {
    auto run = record.initRunStarted();
    run.initScenario().setName("mine");
    run.setScenarioText(kText);
    run.setWorkingFolder("/code");
    auto words = run.initArguments(3);
    for (unsigned i = 0; const char* word : {"--scheduler", "./scx_mine -s 5", "mine.scenario"})
      words.set(i++, word);
    auto program = run.initSchedulerProgram();
    program.setPath("/code/scx_mine");
    const std::string bytes = "\xab\xcd";
    program.setBuildId(kj::arrayPtr(reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()));
    program.setCheckout(schema::CheckoutState::CHANGED);
    program.setCommit("0123456789");
    program.setCheckoutFolder("/code");
    program.setUntracked(2);
  });
  const std::string tape = builder.seal().path;
  const std::string command =
      "cd /code && ktape capture --scheduler './scx_mine -s 5' mine.scenario";
  const std::string commit =
      "commit 0123456789 with changes that are not committed, beside 2 untracked files, of '/code'";
  const ChildResult script = run_program("ktape-info", {tape, "--reproduce"});
  CHECK(script.exit_status == 0);
  CHECK_THAT(script.output, ContainsSubstring("in '/code'\n# kernel "));
  CHECK_THAT(script.output,
             ContainsSubstring("# scheduler '/code/scx_mine', SHA-256 , build-id abcd, " + commit));
  CHECK_THAT(script.output,
             ContainsSubstring("'ktape info " + tape + " --scenario-text' prints it\n"));
  CHECK(script.output.ends_with("\n" + command + "\n"));
  CHECK(run_program("ktape-info", {tape, "--scenario-text"}).output == kText);
  // The same among the rest, for people and for programs.
  CHECK_THAT(run_program("ktape-info", {tape}).output,
             ContainsSubstring("scheduler   '/code/scx_mine', "));
  CHECK_THAT(run_program("ktape-show", {tape}).output,
             ContainsSubstring("tested      '/code/scx_mine', "));
  const std::string json = run_program("ktape-info", {tape, "--json"}).output;
  CHECK_THAT(json, ContainsSubstring(R"("reproduce":")" + command +
                                     R"(","schedulerProgram":{"path":"/code/scx_mine")"));
  CHECK_THAT(json, ContainsSubstring(
                       R"("checkout":"changed","commit":"0123456789","checkoutFolder":"/code")"));
  CHECK(run_program("ktape-info", {tape, "--reproduce", "--json"}).exit_status == 2);
}

TEST_CASE(
    "info has no command of a tape that does not say what was asked, nor a scenario that is no "
    "text") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("small");
  const std::string tape = builder.seal().path;
  CHECK(run_program("ktape-info", {tape, "--scenario-text"}).exit_status == 77);
  // Of ktape's own scheduler there is the object that the guest loaded.
  TapeBuilder own(folder.file("own.ktape"));
  own.add([](schema::Record::Builder record) {
    record.initRunStarted().initArguments(1).set(0, "own");
  });
  own.add([](schema::Record::Builder record) {
    auto scheduler = record.initSchedulerAttached();
    scheduler.setId(1);
    const std::string text[] = {"ktape_vtime", "\x12\x34"};
    scheduler.setName(
        kj::arrayPtr(reinterpret_cast<const kj::byte*>(text[0].data()), text[0].size()));
    scheduler.setObjectDigest(
        kj::arrayPtr(reinterpret_cast<const kj::byte*>(text[1].data()), text[1].size()));
  });
  const std::string own_tape = own.seal().path;
  for (const std::vector<std::string>& asked : {std::vector{own_tape}, {own_tape, "--reproduce"}})
    CHECK_THAT(run_program("ktape-info", asked).output,
               ContainsSubstring("ktape_vtime, SHA-256 1234\n"));
  TapeBuilder hostile(folder.file("hostile.ktape"));
  hostile.add([](schema::Record::Builder record) {
    record.initRunStarted().setScenarioText("(name = \"\x1b[2J\")");
    record.getRunStarted().initArguments(1).set(0, "\x1b[2J");
  });
  const std::string other = hostile.seal().path;
  for (const char* asked : {"--scenario-text", "--reproduce"}) {
    const ChildResult result = run_program("ktape-info", {other, asked});
    CHECK(result.exit_status == 3);
    CHECK(result.output.empty());
  }
  CHECK(run_program("ktape-info", {tape, "--reproduce"}).exit_status == 77);
  CHECK_THAT(run_program("ktape-info", {tape, "--json"}).output,
             ContainsSubstring(R"("reproduce":null,"schedulerProgram":null)"));
}

TEST_CASE("an option that a verb does not have is blamed, not what stands behind it") {
  for (const char* verb : {"ktape-show", "ktape-info", "ktape-report", "ktape-verify"}) {
    const ChildResult result = must(run_child(
        "/bin/sh", {"-c", std::string(KTAPE_BIN "/") + verb + " T --at freeze:1 2>&1"}, 4096));
    CHECK(result.exit_status == 2);
    CHECK_THAT(result.output, ContainsSubstring(": there is no option '--at'\n"));
  }
}

TEST_CASE("info does not know the triggers of a recorder that did not say") {
  TempDir folder;
  const std::string tape = make_tape(folder.file("run.ktape")).path;
  CHECK_THAT(run_program("ktape-info", {tape}).output, !ContainsSubstring("frozen on"));
  CHECK_THAT(run_program("ktape-info", {tape, "--json"}).output,
             ContainsSubstring("\"triggers\":null,\"intervals\":null,"));
}

TEST_CASE("what a Perfetto trace has no track for is told in it and on standard error") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("many");
  for (int i = 0; i < 1002; ++i)
    builder.worker_started("w" + std::to_string(i), 100 + i, 1'000'000'000);
  builder.worker_started("w1001", 2000, 2'000'000'000);  // again: the same track
  std::vector<TapeEntry> entries;
  for (int i = 0; i < 1001; ++i)
    entries.push_back({.tag = "v" + std::to_string(i), .target = symbol_target("jiffies_64")});
  builder.op(entries);
  const std::string tape = builder.seal().path;
  const std::string trace = folder.file("run.pftrace");
  const std::string said =
      "not in the trace: 2 workers, 1 value: it has at most 1000 tracks of each sort";
  CHECK(errors_of("ktape-export", tape + " --perfetto -o " + trace) ==
        "ktape export: " + said + "\n");
  CHECK(count_of(decoded(trace), said) == 1);
}

TEST_CASE("a Perfetto trace that has all of its tape says nothing of that") {
  TempDir folder;
  const std::string tape = make_tape(folder.file("run.ktape")).path;
  const std::string trace = folder.file("run.pftrace");
  CHECK(errors_of("ktape-export", tape + " --perfetto -o " + trace).empty());
  CHECK(count_of(decoded(trace), "not in the trace") == 0);
}

}  // namespace ktape::test
