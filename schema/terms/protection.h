// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ktape {

// What protects the kernel's variables from being read in the middle of a change, as far as their
// names tell: for who reads them in a freeze, and for who judges afterwards.

// The sequence count that protects a symbol's variable: while it is odd, that is being changed.
// Empty where ktape knows none. jiffies_seq protects jiffies_64 (kernel/time/jiffies.c).
[[nodiscard]] std::string_view seqcount_of(std::string_view symbol);

// Whether a per-CPU variable is one that its CPU alone changes: all but the runqueues, which have a
// lock.
[[nodiscard]] bool is_changed_by_its_cpu_alone(std::string_view per_cpu_symbol);

// What a CPU was doing when it stopped.
struct CpuActivity {
  std::string_view interrupt;  // "a soft interrupt", the innermost that it was in; empty: none
  uint8_t cpl = 0;             // privilege level: 0 kernel, 3 user
  bool interrupts_enabled = false;
  uint64_t preempt_count = 0;
  int32_t current_pid = 0;
};

// What a CPU may be changing its own variables in: "in a soft interrupt", "in the kernel with
// interrupts off". Empty: it changes none.
[[nodiscard]] std::string updating(const CpuActivity& cpu);

}  // namespace ktape
