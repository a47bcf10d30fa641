// SPDX-License-Identifier: Apache-2.0
#include "schema/terms/protection.h"

namespace ktape {

std::string_view seqcount_of(std::string_view symbol) {
  return symbol == "jiffies_64" ? "jiffies_seq" : std::string_view();
}

bool is_changed_by_its_cpu_alone(std::string_view per_cpu_symbol) {
  // A runqueue is the exception: other CPUs change it, under its lock.
  return per_cpu_symbol != "runqueues";
}

// A CPU changes its own variables in interrupts, or with interrupts or preemption off. The idle
// task never has preemption on (include/asm-generic/preempt.h, init_idle_preempt_count()).
std::string updating(const CpuActivity& cpu) {
  constexpr uint64_t kDepths = 0xffff;  // include/linux/preempt.h, PREEMPT_MASK | SOFTIRQ_MASK
  if (!cpu.interrupt.empty()) return "in " + std::string(cpu.interrupt);
  if (cpu.cpl != 0) return "";
  if (!cpu.interrupts_enabled) return "in the kernel with interrupts off";
  const uint64_t depth = cpu.preempt_count & kDepths;
  return depth > (cpu.current_pid == 0 ? 1 : 0) ? "in the kernel with preemption off" : "";
}

}  // namespace ktape
