// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ktape {

// Why a value differs between any two runs, however alike they are.
enum class Variation {
  kNone,       // it is expected to be the same
  kBytes,      // memory as it is
  kMomentary,  // what a CPU or a task did at that instant
  kAddress,
  kTime,
  kProcessId,
  kCount,  // of events, or a sum of what they took
};

// "a time"; empty for kNone.
[[nodiscard]] std::string variation_text(Variation variation);

// Whether 0 in one run and something else in the other is more than such a variation: a pointer
// that is NULL, a time that was never taken. A count may be 0 by chance.
[[nodiscard]] bool zero_tells(Variation variation);

// What is known of a value by which it is told.
struct ValueName {
  // Last member of the target's path, or its symbol: "dsq_vtime", "jiffies_64".
  std::string_view name;
  std::string_view path;  // of the target: "sched_info.run_delay"
  std::string_view type;  // BTF's name of its type; empty: not known
  bool bytes = false;     // memory as it is, with whatever stands in it
  bool per_cpu = false;   // the target is a CPU's own
};
[[nodiscard]] Variation how_it_varies(const ValueName& value);

// A value of which only some exist, a state, a policy, a CPU: numbers between two of them mean
// nothing.
[[nodiscard]] bool is_enum_like(std::string_view name, std::string_view type);

// The text with each number in it, decimal or hex, made "N": "failed to run for 30.012s" and
// "failed to run for 30.784s" say the same.
[[nodiscard]] std::string without_numbers(std::string_view text);

}  // namespace ktape
