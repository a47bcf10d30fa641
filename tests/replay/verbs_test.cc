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

TEST_CASE("verify says intact, and what to compare the tape with") {
  TempDir folder;
  SealedTape tape = make_tape(folder.file("run.ktape"));
  ChildResult child = run_program("ktape-verify", {tape.path});
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, StartsWith(tape.path + ": intact"));
  CHECK_THAT(child.output, ContainsSubstring("records 64\nhead    " + to_hex(tape.head) + "\n"));
  CHECK(run_program("ktape-verify", {tape.path, "--expect", to_hex(tape.head)}).exit_status == 0);
}

TEST_CASE("verify says altered for another head digest than expected") {
  TempDir folder;
  SealedTape tape = make_tape(folder.file("run.ktape"));
  ChildResult child = run_program("ktape-verify", {tape.path, "--expect", std::string(64, '0')});
  CHECK(child.exit_status == 3);
  CHECK_THAT(child.output, StartsWith(tape.path + ": altered"));
}

TEST_CASE("verify says altered for a tape in which one bit was turned over") {
  TempDir folder;
  SealedTape tape = make_tape(folder.file("run.ktape"));
  damage(tape.path, "verify_jiffies_64");
  ChildResult child = run_program("ktape-verify", {tape.path});
  CHECK(child.exit_status == 3);
  CHECK_THAT(child.output, StartsWith(tape.path + ": altered"));
}

TEST_CASE(
    "verify says unsealed for what a recorder left, and truncated for what salvage made of it") {
  TempDir folder;
  std::string partial = make_partial(folder.file("run.ktape"));
  ChildResult unsealed = run_program("ktape-verify", {partial});
  CHECK(unsealed.exit_status == 1);
  CHECK_THAT(unsealed.output, StartsWith(partial + ": unsealed"));
  std::string out = folder.file("saved.ktape");
  CHECK(run_program("ktape-verify", {partial, "--salvage", out}).exit_status == 0);
  ChildResult truncated = run_program("ktape-verify", {out});
  CHECK(truncated.exit_status == 1);
  CHECK_THAT(truncated.output, StartsWith(out + ": truncated"));
}

TEST_CASE("verify says how to make one file of what a recorder left, and does not overwrite") {
  TempDir folder;
  std::string partial = make_partial(folder.file("run.ktape"));
  CHECK_THAT(run_program("ktape-verify", {partial}).output,
             ContainsSubstring("\nhint: make one file of it with 'ktape verify " + partial +
                               " --salvage OUT'\n"));
  std::string taken = make_tape(folder.file("taken.ktape")).path;
  CHECK(run_program("ktape-verify", {partial, "--salvage", taken}).exit_status == 2);
}

TEST_CASE("verify has exit status 3 for a file that is no tape and 2 for a digest that is none") {
  TempDir folder;
  CHECK(run_program("ktape-verify", {folder.file("missing.ktape")}).exit_status == 3);
  CHECK(run_program("ktape-verify", {KTAPE_BIN "/ktape-verify"}).exit_status == 3);
  CHECK(run_program("ktape-verify", {make_tape(folder.file("a.ktape")).path, "--expect", "12"})
            .exit_status == 2);
}

TEST_CASE("show prints a run for people, and a line of JSON for each record") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  ChildResult people = run_program("ktape-show", {tape});
  CHECK(people.exit_status == 0);
  CHECK_THAT(people.output, StartsWith("tape        " + tape + "\n"));
  ChildResult json = run_program("ktape-show", {"--json", tape});
  CHECK(json.exit_status == 0);
  CHECK(std::count(json.output.begin(), json.output.end(), '\n') == 64);
  CHECK_THAT(json.output, StartsWith("{\"seq\":\"1\","));
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

TEST_CASE("the verbs call themselves as they are called") {
  for (std::string verb : {"show", "check", "verify"}) {
    CHECK_THAT(run_program("ktape-" + verb, {"--help"}).output,
               ContainsSubstring("ktape " + verb + " ["));
  }
  CHECK_THAT(errors_of("ktape-show", "/nonexistent"), StartsWith("ktape show: "));
  CHECK_THAT(errors_of("ktape-check", "/nonexistent"), StartsWith("ktape check: "));
  CHECK_THAT(errors_of("ktape-verify", "/nonexistent"), StartsWith("ktape verify: "));
}

TEST_CASE("show has exit status 3 for a file that is no tape and 2 for a bad command line") {
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
            " is not as it was recorded\nhint: 'ktape verify' checks all of a tape\n");
}

}  // namespace ktape::test
