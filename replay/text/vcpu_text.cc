// SPDX-License-Identifier: Apache-2.0
#include "replay/text/vcpu_text.h"

#include <fmt/format.h>

#include "replay/text/record_text.h"
#include "schema/base/text.h"
#include "schema/tape/facts/scheduling_text.h"

namespace ktape {

namespace {

constexpr uint8_t kUserLevel = 3;
constexpr const char* kNotKnown = "not known";

// "kernel in default_idle+0xf", "user space at 0x401136"
std::string where_text(schema::VcpuState::Reader vcpu, const std::string& symbol) {
  return (vcpu.getCpl() == 0 ? "kernel" : "user space") +
         (symbol.empty() ? fmt::format(" at {:#x}", vcpu.getRip()) : " in " + symbol);
}

const char* interrupts_text(schema::VcpuState::Reader vcpu) {
  return vcpu.getInterruptsEnabled() ? "irqs on" : "irqs off";
}

std::string preempt_text(schema::VcpuState::Reader vcpu) {
  return fmt::format("preempt {:#x}", vcpu.getPreemptCount());
}

std::string current_text(schema::VcpuState::Reader vcpu, const std::string& comm) {
  return fmt::format("{} ({})", comm, vcpu.getCurrentPid());
}

const char* locked_text(schema::VcpuState::Reader vcpu) {
  return vcpu.getRunqueueLocked() ? ", RUNQUEUE LOCKED" : "";
}

// "at do_idle+0x1c", "in user space", "at 0xffffffff81000000"
std::string short_where(schema::VcpuState::Reader vcpu) {
  if (vcpu.getSymbol().size() > 0) return "at " + safe(vcpu.getSymbol());
  if (vcpu.getCpl() == kUserLevel) return "in user space";
  return fmt::format("at {:#x}", vcpu.getRip());
}

}  // namespace

VcpuText vcpu_text(schema::VcpuState::Reader vcpu) {
  VcpuText text;
  text.cpu = vcpu.getCpu();
  text.where = kNotKnown;
  if (!vcpu.getKnown()) return text;
  text.where = where_text(vcpu, brief(vcpu.getSymbol()));
  text.state = interrupts_text(vcpu);
  if (!vcpu.getKernelStateKnown()) return text;
  text.state += ", " + preempt_text(vcpu) + locked_text(vcpu);
  text.current = current_text(vcpu, brief(vcpu.getCurrentComm()));
  text.scheduling = scheduling_text(vcpu);
  return text;
}

VcpuText short_vcpu_text(schema::VcpuState::Reader vcpu) {
  VcpuText text;
  text.cpu = vcpu.getCpu();
  const auto add = [&](const std::string& word) {
    text.state += (text.state.empty() ? "" : ", ") + word;
  };
  if (vcpu.getKnown()) {
    text.where = short_where(vcpu);
    if (!vcpu.getInterruptsEnabled()) add(interrupts_text(vcpu));
  }
  if (!vcpu.getKernelStateKnown()) return text;
  text.current = fmt::format("{}[{}]", safe(vcpu.getCurrentComm()), vcpu.getCurrentPid());
  text.scheduling = scheduling_text(vcpu);
  if (vcpu.getPreemptCount() != 0) add(preempt_text(vcpu));
  if (vcpu.getRunqueueLocked()) add("rq locked");
  return text;
}

std::string vcpu_line(schema::VcpuState::Reader vcpu) {
  std::string text = fmt::format("CPU {}: ", vcpu.getCpu());
  if (!vcpu.getKnown()) return text + kNotKnown;
  text += where_text(vcpu, safe(vcpu.getSymbol())) + ", " + interrupts_text(vcpu);
  if (!vcpu.getKernelStateKnown()) return text;
  text += ", " + preempt_text(vcpu) + ", " + current_text(vcpu, safe(vcpu.getCurrentComm()));
  if (const std::string scheduling = scheduling_text(vcpu); !scheduling.empty())
    text += ", " + scheduling;
  if (vcpu.getContext() > schema::ExecContext::TASK)
    text += ", in " + enum_words(vcpu.getContext());
  return text + locked_text(vcpu);
}

}  // namespace ktape
