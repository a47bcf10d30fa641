// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/base/digest.h"
#include "tests/replay/programs.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

TEST_CASE("verify says intact, and prints the head digest for later comparison") {
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

TEST_CASE("verify says altered for a tape with one flipped bit") {
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

TEST_CASE("verify has exit status 3 for a file that is not a tape and 2 for an invalid digest") {
  TempDir folder;
  CHECK(run_program("ktape-verify", {folder.file("missing.ktape")}).exit_status == 3);
  CHECK(run_program("ktape-verify", {KTAPE_BIN "/ktape-verify"}).exit_status == 3);
  CHECK(run_program("ktape-verify", {make_tape(folder.file("a.ktape")).path, "--expect", "12"})
            .exit_status == 2);
}

}  // namespace ktape::test
