// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "capture/run/boot_deadline.h"
#include "capture/run/engine.h"
#include "capture/run/starvation.h"

// How long a run may take, and the error for one that takes too long.

namespace ktape {

namespace {

using namespace std::chrono_literals;

// A guest may be silent for long, but its machine must respond. It is checked after this long
// without an event.
constexpr auto kSilence = 5s;
// How long the guest may take to power off after its last message before it is killed.
constexpr auto kLastWordsGrace = 10s;
// Frozen time does not count against the deadlines, but a guest must not be able to extend its run
// indefinitely with it.
constexpr int kMaxFrozenTimes = 10;

}  // namespace

// A silent machine may be lost. That is not the guest's fault, and is checked without waiting for
// the watchdog.
Result<void> Engine::on_silence() {
  if (Clock::now() - last_heard_ < kSilence) return {};
  // The next check is due after another interval of silence.
  last_heard_ = Clock::now();
  return machine_.check();
}

Result<void> Engine::on_deadline() {
  // The guest was done or has panicked, and did not go away: its outcome is known.
  if (phase_ == Phase::kDone || console_.panicked()) return on_ended();
  // The guest is to blame only if its machine still responds.
  if (const Result<void> alive = machine_.check(); !alive.ok()) return on_failure(alive.error());
  const bool boot = phase_ != Phase::kStepping;
  // Preparing counts as booting: it ends with the first step.
  const uint64_t limit_ms =
      boot ? static_cast<uint64_t>(boot_deadline().count()) : scenario_.getWatchdogMs();
  // What the CPUs run now is the evidence; without it a run that timed out explains nothing.
  const Result<std::string> instead = freeze_for_silence(server_, Clock::now() - agent_heard_);
  // A freeze that failed otherwise (a full disk) does not hide that the time is up.
  if (!instead.ok() && instead.error().code == ErrorCode::kMachineLost)
    return on_failure(instead.error());
  const std::string detail =
      waiting_for() + (instead.ok() && !instead->empty() ? "; " + *instead : "");
  KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) {
    auto to = record.initWatchdogFired();
    to.setName(boot ? "boot" : "run");
    to.setLimitMs(limit_ms);
    to.setDetail(detail);
  }));
  progress_.say(fmt::format("{} watchdog fired after {:.1f} s, while {}", boot ? "boot" : "run",
                            static_cast<double>(limit_ms) / 1000, detail));
  end(boot ? schema::Outcome::BOOT_TIMED_OUT : schema::Outcome::RUN_TIMED_OUT,
      fmt::format("{} ms passed while {}; raise '{}' in the scenario to allow more", limit_ms,
                  detail, boot ? "bootDeadlineMs" : "watchdogMs"));
  return {};
}

std::chrono::milliseconds Engine::boot_deadline() const {
  if (scenario_.getBootDeadlineMs() > 0)
    return std::chrono::milliseconds(scenario_.getBootDeadlineMs());
  return default_boot_deadline(scenario_.getMachine().getCpus(), machine_.facts().accelerator_used);
}

Engine::Clock::time_point Engine::deadline() const {
  if (phase_ == Phase::kDone || console_.panicked()) return last_words_ + kLastWordsGrace;
  const bool stepping = phase_ == Phase::kStepping;
  const std::chrono::nanoseconds limit =
      stepping ? std::chrono::milliseconds(scenario_.getWatchdogMs()) : boot_deadline();
  const std::chrono::nanoseconds frozen = server_.freezer().frozen_time() - frozen_before_;
  // A guest that requests freezes without end is still ended, after 10 times its limit.
  return (stepping ? first_step_ : began_) + limit + std::min(frozen, kMaxFrozenTimes * limit);
}

std::string Engine::waiting_for() const {
  switch (phase_) {
    case Phase::kBooting:
      return console_.last_line().empty()
                 ? "booting; the console printed nothing"
                 : "booting; last console line: '" + console_.last_line() + "'";
    case Phase::kPreparing: return "attaching the scheduler and starting workers";
    case Phase::kStepping:
      return step_name_.empty() ? "stopping the scheduler after the last step"
                                : "in step '" + step_name_ + "'";
    case Phase::kDone: return "powering off";
  }
  return "";
}

}  // namespace ktape
