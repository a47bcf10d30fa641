// SPDX-License-Identifier: Apache-2.0
#include "capture/starvation.h"

#include <fmt/format.h>

#include "guest/kernel/running_tasks.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

// The agent is the guest's first process.
constexpr Pid kAgentPid(1);

// Who has the CPUs; empty where the agent does not wait for one.
std::string who_runs_instead(const RunningTasks& tasks, const GuestMemory& memory) {
  const Result<bool> waits = tasks.waits_for_cpu(memory, kAgentPid);
  if (!waits.ok() || !*waits) return "";
  std::string text;
  const std::vector<std::optional<RunningTask>> running = tasks.read(memory);
  for (size_t cpu = 0; cpu < running.size(); ++cpu) {
    text += fmt::format("{}CPU {} runs {}", text.empty() ? "" : ", ", cpu,
                        running[cpu] ? printable(running[cpu]->text()) : "what cannot be read");
  }
  return text;
}

}  // namespace

Result<std::string> freeze_for_silence(FreezeCoordinator& coordinator, std::chrono::nanoseconds silent) {
  if (coordinator.kernel() == nullptr) return std::string();
  // Names are resolved before the machine stands still.
  const Result<RunningTasks> tasks = RunningTasks::create(*coordinator.kernel());
  KTAPE_ASSIGN(Standstill at, coordinator.freezer().stop());
  std::string text = tasks.ok() ? who_runs_instead(*tasks, at.frozen.memory()) : "";
  if (!text.empty())
    text = fmt::format("the agent has not been heard for {:.0f} s and is starved: {}",
                       std::chrono::duration<double>(silent).count(), text);
  const FreezeReason reason{.cause = schema::FreezeCause::WATCHDOG, .detail = text};
  KTAPE_ASSIGN(const FreezeDone done, coordinator.freezer().finish(std::move(at), reason, {}));
  KTAPE_TRY(done.thaw);
  return text;
}

}  // namespace ktape
