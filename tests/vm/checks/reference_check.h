// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

// What the reference scenario writes into its sleeper's dsq_vtime.
inline constexpr uint64_t kThirtyDaysNs = uint64_t{30} * 24 * 3600 * 1'000'000'000;

// The whole promise of the reference scenario, on whatever kernel it ran.
void check_reference(const Captured& captured);

}  // namespace ktape::test
