// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/workers/phase_plan.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape {
namespace {

using std::chrono::milliseconds;

const WorkerPhase kSleep{PhaseKind::kSleep, milliseconds(10)};
const WorkerPhase kSpin{PhaseKind::kSpin, milliseconds(20)};

TEST_CASE("Phases come in sequence and then end") {
  PhasePlan plan({kSleep, kSpin}, false);
  CHECK(plan.next() == kSleep);
  CHECK(plan.next() == kSpin);
  CHECK_FALSE(plan.next().has_value());
  CHECK_FALSE(plan.next().has_value());
}

TEST_CASE("A loop begins again after the last phase") {
  PhasePlan plan({kSleep, kSpin}, true);
  for (int round = 0; round < 3; ++round) {
    CHECK(plan.next() == kSleep);
    CHECK(plan.next() == kSpin);
  }
}

TEST_CASE("A loop over no phases ends at once") {
  CHECK_FALSE(PhasePlan({}, true).next().has_value());
}

}  // namespace
}  // namespace ktape
