// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>

#include "schema/base/file.h"
#include "tests/replay/programs.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

TEST_CASE(
    "ktape report -o makes a page with the verdicts, and does not overwrite an existing file") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  std::string out = folder.file("run.html");
  CHECK(run_program("ktape-report", {tape, "-o", out}).exit_status == 0);
  std::string page = must(read_text_file(out, 1 << 24));
  CHECK_THAT(page, ContainsSubstring("run-completed</th><td><span class=\"badge good\">passed"));
  CHECK(run_program("ktape-report", {tape, "-o", out, "--only", "jiffies-nonzero"}).exit_status ==
        2);
  CHECK(must(read_text_file(out, 1 << 24)) == page);
  CHECK(run_program("ktape-report", {tape, "-o", folder.file("x"), "--text"}).exit_status == 2);
}

TEST_CASE("no page is made of an altered tape") {
  TempDir folder;
  std::string tape = make_tape(folder.file("run.ktape")).path;
  damage(tape, "cold_path_roundtrip");
  std::string out = folder.file("run.html");
  CHECK(run_program("ktape-report", {tape, "-o", out}).exit_status == 3);
  CHECK(!std::filesystem::exists(out));
}

}  // namespace ktape::test
