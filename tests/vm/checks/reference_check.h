// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

// The value that the reference scenario writes to its sleeper's dsq_vtime.
inline constexpr uint64_t kThirtyDaysNs = uint64_t{30} * 24 * 3600 * 1'000'000'000;

// All that the reference scenario promises, on any kernel.
void check_reference(const Captured& captured);

}  // namespace ktape::test
