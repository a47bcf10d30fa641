// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/scenario.capnp.h"
#include "schema/scenario/text_parser.h"

namespace ktape {

// Limits of `expect`. A tape whose scenario exceeds them was not recorded by ktape.
inline constexpr size_t kMaxExpectedFailures = 64;
inline constexpr size_t kMaxExpectedBytes = 256;  // of a name, and of a text

// The assertions that ship.
[[nodiscard]] std::span<const std::string> shipped_assertions();

// kUsage, with the place and the nearest name, for an assertion that neither ships nor is a program
// ktape-assert-NAME beside this one or on PATH; also for a text that no finding has.
[[nodiscard]] Result<void> check_expected_failures(std::string_view file, const TextNode& parsed,
                                                   schema::Scenario::Reader scenario);

}  // namespace ktape
