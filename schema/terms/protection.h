// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ktape {

// What protects the kernel's variables from being read in the middle of a change, as far as their
// names say: for reading them in a freeze, and for judging them afterwards.

// The sequence count that protects a symbol's variable: while it is odd, the variable is being
// changed. Empty if ktape knows none. jiffies_seq protects jiffies_64 (kernel/time/jiffies.c).
[[nodiscard]] std::string_view seqcount_of(std::string_view symbol);

// Whether only its own CPU changes a per-CPU variable: true for all but the runqueues, which have a
// lock.
[[nodiscard]] bool is_changed_by_its_cpu_alone(std::string_view per_cpu_symbol);

// What a CPU was doing when it stopped.
struct CpuActivity {
  std::string_view interrupt;  // "a soft interrupt", the innermost one; empty: none
  uint8_t cpl = 0;             // privilege level: 0 kernel, 3 user
  bool interrupts_enabled = false;
  uint64_t preempt_count = 0;
  int32_t current_pid = 0;
};

// The context in which a CPU may be changing its own variables: "in a soft interrupt", "in the
// kernel with interrupts off". Empty: it changes none.
[[nodiscard]] std::string updating(const CpuActivity& cpu);

}  // namespace ktape
