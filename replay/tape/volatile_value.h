// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ktape {

// Why a value differs between any two runs, however similar they are.
enum class Variation {
  kNone,       // it is expected to be the same
  kBytes,      // raw memory
  kMomentary,  // what a CPU or a task did at that instant
  kAddress,
  kTime,
  kProcessId,
  kCount,  // of events, or a sum of their durations
};

// "a time"; empty for kNone.
[[nodiscard]] std::string variation_text(Variation variation);

// Whether 0 in one run and another value in the other means more than such a variation: a NULL
// pointer, a time that was never taken. A count may be 0 by chance.
[[nodiscard]] bool zero_is_significant(Variation variation);

// What the kind of variation is derived from.
struct ValueName {
  // Last member of the target's path, or its symbol: "dsq_vtime", "jiffies_64".
  std::string_view name;
  std::string_view path;  // of the target: "sched_info.run_delay"
  std::string_view type;  // BTF's name of its type; empty: not known
  bool bytes = false;     // raw memory, whatever it contains
  bool per_cpu = false;   // the target is per CPU
};
[[nodiscard]] Variation how_it_varies(const ValueName& value);

// A value with a fixed set of meanings: a state, a policy, a CPU. The numbers between two of them
// mean nothing.
[[nodiscard]] bool is_enum_like(std::string_view name, std::string_view type);

// The text with each number, decimal or hex, replaced by "N": "failed to run for 30.012s" and
// "failed to run for 30.784s" become the same.
[[nodiscard]] std::string without_numbers(std::string_view text);

}  // namespace ktape
