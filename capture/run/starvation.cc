// SPDX-License-Identifier: Apache-2.0
#include "capture/run/starvation.h"

#include <capnp/message.h>
#include <fmt/format.h>

#include "guest/kernel/sched/cpu_wait.h"
#include "schema/base/text.h"
#include "schema/tape/facts/scheduling_text.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

// The agent is the guest's first process.
constexpr Pid kAgentPid(1);

std::string running_text(schema::VcpuState::Reader vcpu) {
  if (!vcpu.getKernelStateKnown()) return "an unreadable task";
  if (vcpu.getCurrentPid() == 0) return "nothing";
  const std::string scheduling = scheduling_text(vcpu);
  return fmt::format("{}[{}]{}", printable(as_text(vcpu.getCurrentComm())), vcpu.getCurrentPid(),
                     scheduling.empty() ? "" : " (" + scheduling + ")");
}

// Uses the same words as the freeze's own record.
std::string who_runs(const Kernel& kernel, const std::vector<CpuEvidence>& cpus) {
  // Through a record's struct, so that the words are made in one place.
  std::string text;
  for (size_t cpu = 0; cpu < cpus.size(); ++cpu) {
    capnp::MallocMessageBuilder message;
    auto vcpu = message.initRoot<schema::VcpuState>();
    write_evidence(kernel, cpus[cpu], vcpu);
    text += fmt::format("{}CPU {} runs {}", text.empty() ? "" : ", ", cpu,
                        running_text(vcpu.asReader()));
  }
  return text;
}

// Empty: no known reason.
const char* what_keeps_agent(const CpuWait& wait, const GuestMemory& memory) {
  const Result<bool> blocked = wait.is_blocked(memory, kAgentPid);
  if (blocked.ok() && *blocked) return "is blocked in the kernel";
  const Result<bool> waits = wait.waits(memory, kAgentPid);
  return waits.ok() && *waits ? "is starved" : "";
}

}  // namespace

Result<std::string> freeze_for_silence(RequestServer& server, std::chrono::nanoseconds silent) {
  if (server.kernel() == nullptr) return std::string();
  const Kernel& kernel = *server.kernel();
  // Resolve names before the machine is stopped.
  const Result<CpuWait> wait = CpuWait::create(kernel);
  Freezer& freezer = server.freezer();
  // At the deadline, once: this costs the guest nothing that it still needs.
  KTAPE_ASSIGN(StoppedMachine at, freezer.stop());
  FreezeInProgress freeze = freezer.begin(std::move(at));
  const std::string why = wait.ok() ? what_keeps_agent(*wait, *freeze.memory) : "";
  freezer.thaw(freeze);
  // Text is made after the thaw.
  FreezeReason reason{.cause = schema::FreezeCause::WATCHDOG};
  if (!why.empty()) {
    reason.detail = fmt::format("the agent has been silent for {:.0f} s and {}: {}",
                                std::chrono::duration<double>(silent).count(), why,
                                who_runs(kernel, freeze.stop.evidence.cpus));
  }
  KTAPE_TRY(freezer.record(freeze, reason, {}));
  KTAPE_TRY(freeze.thaw);
  return reason.detail;
}

}  // namespace ktape
