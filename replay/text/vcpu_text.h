// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "schema/record.capnp.h"

namespace ktape {

// What a vCPU did when the machine was frozen, in words. Texts are safe to print.
struct VcpuText {
  uint32_t cpu = 0;
  std::string where;
  std::string state;
  std::string current;     // its task; empty: not known
  std::string scheduling;  // of that task: scheduling_text()
};

// For a table with room: where is "kernel in default_idle+0xf" or "not known"; state is "irqs on,
// preempt 0x1, RUNQUEUE LOCKED"; current is "swapper/0 (0)". Names that are too long are
// shortened().
[[nodiscard]] VcpuText vcpu_text(schema::VcpuState::Reader vcpu);

// For a line with little room: where is "at do_idle+0x1c", "in user space", or empty if not known;
// state has only what is unusual, "irqs off, preempt 0x2, rq locked"; current is "spinner[57]".
[[nodiscard]] VcpuText short_vcpu_text(schema::VcpuState::Reader vcpu);

// All of it in one line: "CPU 1: kernel in default_idle+0xf, irqs on, preempt 0x1, swapper/1 (0),
// idle task, in hardirq, RUNQUEUE LOCKED".
[[nodiscard]] std::string vcpu_line(schema::VcpuState::Reader vcpu);

}  // namespace ktape
