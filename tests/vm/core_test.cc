// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "tests/support/must.h"
#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

TEST_CASE_METHOD(
    CaptureFixture,
    "drgn reads jiffies and the task list from the core of a freeze, and its registers fit") {
  const std::string kernel = GENERATE("6.16", "7.3");
  const Captured captured = capture("cold_path_roundtrip", kernel, {"--memory", "full"});
  INFO(captured.program.output);
  REQUIRE(captured.program.exit_status == 0);
  const std::string core = captured.tape + ".core";
  const ChildResult made =
      run_built("ktape-export", {captured.tape, "--core", "freeze:last", "-o", core});
  CHECK(made.exit_status == 0);
  const ChildResult drgn = must(run_child("/usr/bin/python3",
                                          {KTAPE_SOURCE_DIR "/tests/vm/programs/drgn_core.py",
                                           KTAPE_BIN, captured.tape, "freeze:last", core},
                                          1 << 20));
  INFO(drgn.output);
  CHECK(drgn.exit_status == 0);
  CHECK(drgn.output.starts_with("drgn "));
}

TEST_CASE_METHOD(CaptureFixture,
                 "drgn, gdb and crash read tasks, runqueues and vCPUs with the exported symbols") {
  const std::string kernel = GENERATE(as<std::string>{}, "6.16", "7.3");
  const Captured captured = capture("cold_path_roundtrip", kernel, {"--memory", "full"});
  INFO(captured.program.output);
  REQUIRE(captured.program.exit_status == 0);
  const std::string core = captured.tape + ".core";
  const std::string symbols = captured.tape + ".symbols";
  CHECK(
      run_built("ktape-export", {captured.tape, "--core", "freeze:last", "-o", core}).exit_status ==
      0);
  CHECK(run_built("ktape-export", {captured.tape, "--symbols", symbols}).exit_status == 0);
  const std::vector<std::string> arguments = {KTAPE_SOURCE_DIR "/tests/vm/programs/core_readers.py",
                                              KTAPE_BIN,
                                              captured.tape,
                                              "freeze:last",
                                              core,
                                              symbols,
                                              "drgn",
                                              "gdb",
                                              "crash"};
  ChildOptions options;
  options.output_bytes = 1 << 20;
  options.time = std::chrono::minutes(30);
  const ChildResult readers = must(run_child("/usr/bin/python3", arguments, options));
  INFO(readers.output);
  CHECK(readers.exit_status == 0);
}

}  // namespace ktape::test
