// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "tests/vm/checks/capture_fixture.h"
#include "tests/vm/checks/topology_check.h"

// Shapes that no other VM test boots.
namespace ktape::test {

using schema::Outcome;

TEST_CASE_METHOD(CaptureFixture, "a guest sees LLCs that are narrower than its sockets") {
  Captured captured = capture_text("llcs",
                                   "(name = \"llcs\", machine = (sockets = 2, cores = 4, llcs = 4, "
                                   "numaNodes = 2, memoryMb = 1024),"
                                   " steps = [(name = \"s\", actions = [(sleepMs = 1)])])",
                                   "7.3");
  INFO(captured.program.output);
  REQUIRE(captured.facts.outcome == Outcome::COMPLETED);
  check_topology(captured.facts,
                 {"0-7", "0-3 4-7", "0 1 2 3 4 5 6 7", "0-1 2-3 4-5 6-7", "0-3 4-7"}, 1024);
}

}  // namespace ktape::test
