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
  if (!vcpu.getKernelStateKnown()) return "what cannot be read";
  if (vcpu.getCurrentPid() == 0) return "nothing";
  const std::string scheduling = scheduling_text(vcpu);
  return fmt::format("{}[{}]{}", printable(as_text(vcpu.getCurrentComm())), vcpu.getCurrentPid(),
                     scheduling.empty() ? "" : " (" + scheduling + ")");
}

// In the words of the freeze's own record.
std::string who_runs(const Kernel& kernel, const std::vector<CpuEvidence>& cpus) {
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

}  // namespace

Result<std::string> freeze_for_silence(RequestServer& server, std::chrono::nanoseconds silent) {
  if (server.kernel() == nullptr) return std::string();
  const Kernel& kernel = *server.kernel();
  // Names are resolved before the machine stands still.
  const Result<CpuWait> wait = CpuWait::create(kernel);
  std::string why;
  FreezeReason reason{.cause = schema::FreezeCause::WATCHDOG};
  FreezeWork work;
  work.serve = [&](WritableGuestMemory& memory, const StopMoment&) {
    if (!wait.ok()) return;
    const Result<bool> waits = wait->waits(memory, kAgentPid);
    const Result<bool> blocked = wait->is_blocked(memory, kAgentPid);
    if (waits.ok() && *waits) why = "is starved";
    if (blocked.ok() && *blocked) why = "is blocked in the kernel";
  };
  // The reason is recorded after the thaw, and so has what was found.
  work.describe = [&](const StopMoment& stop) {
    if (!why.empty())
      reason.detail = fmt::format("the agent has not been heard for {:.0f} s and {}: {}",
                                  std::chrono::duration<double>(silent).count(), why,
                                  who_runs(kernel, stop.evidence.cpus));
    return std::vector<OpResult>();
  };
  KTAPE_ASSIGN(const FreezeDone done, server.freezer().freeze(reason, work));
  KTAPE_TRY(done.thaw);
  return reason.detail;
}

}  // namespace ktape
