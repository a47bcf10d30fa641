// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ktape {

// Why a value differs between any two runs, however alike they are.
struct Variation {
  std::string why;         // "an address", "a time", ...; empty: it is expected to be the same
  bool zero_tells = true;  // 0 in one run and something else in the other is a difference all the same
};

// What is known of a value by which it is told.
struct ValueName {
  std::string_view name;  // last member of the target's path, or its symbol: "dsq_vtime", "jiffies_64"
  std::string_view type;  // BTF's name of its type; empty: not known
  bool bytes = false;     // memory as it is, with whatever stands in it
  bool per_cpu = false;   // the target is a CPU's own
};
[[nodiscard]] Variation how_it_varies(const ValueName& value);

// The text with each number in it, decimal or hex, made "N": "failed to run for 30.012s" and
// "failed to run for 30.784s" say the same.
[[nodiscard]] std::string without_numbers(std::string_view text);

}  // namespace ktape
