// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace ktape {

// What CLI11 says of a mistake on the command line, in the words of the other errors:
//   "--jobs: Value 0 not in range 1 to 8"  ->  "--jobs: got '0', expected 1 to 8"
// What it is not known to say stays as it is.
[[nodiscard]] Error usage_error(std::string_view text);

// What stands on a command line that a program has no use for, in any order: an option is blamed
// before an argument, which may be its value. `options` are the program's, for the nearest name.
[[nodiscard]] Error unexpected_arguments(std::span<const std::string> arguments,
                                         std::span<const std::string> options);

// What an option takes, of what CLI11 says in its help: "TEXT:{auto,kvm,tcg}" -> "auto|kvm|tcg",
// "N:INT in [1 - 64]" -> "N (1 to 64)".
[[nodiscard]] std::string option_values(std::string_view type);

}  // namespace ktape
