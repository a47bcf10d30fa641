// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/freeze_runs.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape::test {

TEST_CASE_METHOD(CaptureFixture,
                 "50 freezes of 8 busy vCPUs lose no guest, stall nothing and give no wrong value",
                 "[kvm]") {
  check_freeze_run(capture_text("freezes", freeze_scenario(), "6.16"));
}

}  // namespace ktape::test
