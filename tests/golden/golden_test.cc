// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "schema/base/child.h"
#include "schema/base/file.h"
#include "tests/golden/run_program.h"
#include "tests/support/agreed_text.h"
#include "tests/support/must.h"
#include "tests/support/terminal_run.h"

// Tapes that were recorded once, when their format was new. Every version of ktape reads them,
// prints the same and gives the same verdicts.
namespace ktape::test {

namespace {

constexpr char kTape[] = KTAPE_GOLDEN "/format-1.ktape";
constexpr char kHead[] = "ba96163aee2f525cff4b7a4caea6398ee6bb3d1dbd23c716519bb0803e11532e";

// The file's text, with the place of the tape inserted if the text was made without one.
std::string expected(const std::string& name) {
  std::string text = must(read_text_file(KTAPE_GOLDEN "/" + name, 1 << 20));
  const std::string tape = "format-1.ktape";
  for (size_t at = text.find(tape); at != std::string::npos;
       at = text.find(tape, at + sizeof kTape)) {
    text.replace(at, tape.size(), kTape);
  }
  return text;
}

}  // namespace

TEST_CASE("a tape of format 1 is intact, and is the one that was recorded") {
  CHECK(run_program("ktape-verify", {kTape, "--expect", kHead}).exit_status == 0);
}

TEST_CASE("a tape of format 1 is shown as when it was made") {
  CHECK(run_program("ktape-show", {kTape}).output == expected("format-1.show.txt"));
}

TEST_CASE("a tape of format 1 has the verdicts that it had when it was made") {
  ChildResult check = run_program("ktape-check", {kTape});
  CHECK(check.exit_status == 0);
  CHECK(check.output == expected("format-1.check.txt"));
}

TEST_CASE("the verdicts on a tape of format 1 and on a stall are shown on a terminal as agreed") {
  TerminalSetting setting;
  setting.environment = {{"TERM", "dumb"}};
  setting.folder = KTAPE_GOLDEN;
  for (const std::string name : {"format-1", "scheduler_stall-6.16.12"}) {
    const TerminalRun run = run_on_terminal(KTAPE_BIN "/ktape-check", {name + ".ktape"}, setting);
    CHECK(run.exit_status == (name == "format-1" ? 0 : 1));
    CHECK(run.output == agreed_text(KTAPE_GOLDEN "/" + name + ".terminal.txt", run.output));
  }
}

}  // namespace ktape::test
