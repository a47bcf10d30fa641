// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "schema/base/result.h"
#include "schema/scenario.capnp.h"
#include "schema/scenario/text_parser.h"

// Series: the values of ops with one tag, and of an op with `every`.

namespace ktape {

// Requests by `every` of one run: what `ktape diff` and Perfetto can still handle.
inline constexpr uint64_t kMaxIntervals = 50'000;

// The longest time that the actions of a step after `action` take by themselves: sleeps, holds, and
// the deadlines of waits. How long ops take is not known.
[[nodiscard]] uint64_t longest_rest_ms(schema::Scenario::Reader scenario, uint32_t step,
                                       uint32_t action);

// kUsage if ops with one tag differ in their target or in the kind of their value; if what
// follows an op with `every` in its step is over before the first interval; or if there may be more
// than kMaxIntervals requests. Each op by itself is valid.
[[nodiscard]] Result<void> check_series(std::string_view file, const TextNode& parsed,
                                        schema::Scenario::Reader scenario);

}  // namespace ktape
