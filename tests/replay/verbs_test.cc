// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>

#include "tests/replay/programs.h"
#include "tests/replay/sample_run.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

// Edits the record of a request, and nothing else. Returns its sequence number.
std::string forge(const std::string& path) {
  const std::string where = " WHERE instr(record, 'verify_jiffies_64') > 0";
  std::vector<std::string> seqs = sql_rows(path, "SELECT seq FROM event" + where);
  REQUIRE(seqs.size() == 1);
  sql(path, "UPDATE event SET record = CAST(replace(record, 'verify_jif', 'forged_jif') AS BLOB)" +
                where);
  return seqs.front();
}

}  // namespace

TEST_CASE("show prints a run for people, and a line of JSON for each record") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  ChildResult people = run_program("ktape-show", {tape});
  CHECK(people.exit_status == 0);
  CHECK_THAT(people.output, StartsWith("tape        " + tape + "\n"));
  ChildResult json = run_program("ktape-show", {"--json", tape});
  CHECK(json.exit_status == 0);
  CHECK(std::count(json.output.begin(), json.output.end(), '\n') == 64);
  CHECK_THAT(json.output, StartsWith("{\"format\":1,\"seq\":\"1\","));
}

TEST_CASE(
    "show as JSON says on standard error that a tape is altered, and prints its records as they "
    "are") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  std::string seq = forge(tape);
  ChildResult json = run_program("ktape-show", {"--json", tape});
  CHECK(json.exit_status == 3);
  CHECK(std::count(json.output.begin(), json.output.end(), '\n') == 64);
  CHECK_THAT(errors_of("ktape-show", "--json " + tape),
             StartsWith("ktape show: '" + tape + "' is altered: record " + seq + ": "));
}

TEST_CASE("the verbs use the name under which they were called") {
  for (std::string verb : {"show", "check", "verify"}) {
    CHECK_THAT(run_program("ktape-" + verb, {"--help"}).output,
               ContainsSubstring("ktape " + verb + " ["));
  }
  CHECK_THAT(errors_of("ktape-show", "/nonexistent"), StartsWith("ktape show: "));
  CHECK_THAT(errors_of("ktape-check", "/nonexistent"), StartsWith("ktape check: "));
  CHECK_THAT(errors_of("ktape-verify", "/nonexistent"), StartsWith("ktape verify: "));
}

TEST_CASE("show has exit status 3 for a file that is not a tape and 2 for a bad command line") {
  CHECK(run_program("ktape-show", {"/nonexistent"}).exit_status == 3);
  CHECK(run_program("ktape-show", {"--json", "--console", "/nonexistent"}).exit_status == 2);
}

TEST_CASE("an assertion program's exit status is its verdict") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  CHECK(run_program("ktape-assert-run-completed", {tape}).exit_status == 0);
  CHECK(run_program("ktape-assert-run-completed", {make_partial(folder.file("b.ktape"))})
            .exit_status == 77);
  TapeBuilder failed(folder.file("c.ktape"));
  CHECK(run_program("ktape-assert-run-completed",
                    {failed.seal(schema::Outcome::GUEST_PANICKED, -1).path})
            .exit_status == 1);
  CHECK(run_program("ktape-assert-run-completed", {folder.file("missing.ktape")}).exit_status == 3);
  CHECK(run_program("ktape-assert-run-completed", {}).exit_status == 2);
  CHECK(run_program("ktape-assert-run-completed", {"--help"}).exit_status == 0);
}

TEST_CASE(
    "an assertion program gives no verdict on a tape with an edited record, and names the record") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  std::string seq = forge(tape);
  const std::vector<std::vector<std::string>> all = {
      {"freeze-bound", "--max-ns", "5", "--force"},
      {"freeze-order"},
      {"gates-complete"},
      {"jiffies-nonzero"},
      {"no-scheduler-error"},
      {"op-pairing"},
      {"percpu-typed"},
      {"run-completed"},
      {"value", "--tag", "x", "--op", "==", "--to", "1"},
      {"vtime-monotonic"},
      {"worker-progress", "--max-gap-ms", "5"}};
  for (std::vector<std::string> words : all) {
    std::string program = "ktape-assert-" + words.front();
    words.front() = tape;
    ChildResult child = run_program(program, words);
    CHECK(child.exit_status == 3);
    CHECK(child.output.empty());
  }
  CHECK(errors_of("ktape-assert-run-completed", tape) ==
        "ktape-assert-run-completed: '" + tape + "' is altered: record " + seq +
            " is not as it was recorded\nhint: check the whole tape with 'ktape verify'\n");
}

TEST_CASE("an unknown option is reported, not the argument after it") {
  for (const char* verb : {"ktape-show", "ktape-info", "ktape-report", "ktape-verify"}) {
    const ChildResult result = must(run_child(
        "/bin/sh", {"-c", std::string(KTAPE_BIN "/") + verb + " T --at freeze:1 2>&1"}, 4096));
    CHECK(result.exit_status == 2);
    CHECK_THAT(result.output, ContainsSubstring(": unknown option '--at'\n"));
  }
}

}  // namespace ktape::test
