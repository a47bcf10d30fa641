// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/host_freezes.h"

#include <capnp/message.h>
#include <fmt/format.h>

#include <algorithm>

namespace ktape {

namespace {

// A function entered this often without causing a freeze only slows the guest down.
constexpr uint32_t kMaxEntered = 10000;

std::string frozen_by(const std::vector<TriggerHit>& hits) {
  std::string text;
  for (const TriggerHit& hit : hits) {
    text += fmt::format("{}{} on CPU {}{}", text.empty() ? "frozen by " : "; ", hit.trigger,
                        hit.vcpu, hit.detail.empty() ? "" : ": " + hit.detail);
  }
  return text;
}

}  // namespace

Result<void> HostFreezes::adopted() {
  reads_.adopted(*server_.kernel());
  // Those without '@': as soon as the symbols are known.
  return arm_all([](const FreezeTrigger& trigger) {
    return trigger.arming == schema::TriggerArming::KERNEL_KNOWN;
  });
}

Result<void> HostFreezes::scheduler_attached() {
  // A scheduler that attaches again does not arm its triggers again.
  if (std::exchange(attached_, true)) return {};
  return arm_all(
      [](const FreezeTrigger& trigger) { return trigger.arming == schema::TriggerArming::ATTACH; });
}

Result<void> HostFreezes::step_started(uint32_t step) {
  step_ = step;
  KTAPE_TRY(arm_all([step](const FreezeTrigger& trigger) {
    return trigger.arming == schema::TriggerArming::STEP && trigger.step == step;
  }));
  // Periodic freezes wait for the kernel, as they need its evidence.
  if (server_.kernel() != nullptr) intervals_.begin(Clock::now());
  return {};
}

void HostFreezes::worker_started(schema::WorkerStarted::Reader worker) {
  if (!reads_.worker_started(worker))
    recorder_.lose("unread_workers",
                   "workers that the host's own freezes do not read, because there are too many",
                   1);
}

Result<void> HostFreezes::arm_all(const std::function<bool(const FreezeTrigger&)>& which) {
  if (server_.kernel() == nullptr) return {};
  std::vector<size_t> due;
  for (size_t i = 0; i < plan_.triggers.size(); ++i) {
    // A guest may report the start of a step twice.
    if (which(plan_.triggers[i]) && tried_.insert(i).second) due.push_back(i);
  }
  // No stop without need: it costs the guest's time.
  if (due.empty()) return {};
  KTAPE_ASSIGN(StoppedMachine at, server_.freezer().stop());
  // All in one stop.
  for (const size_t planned : due) changes_.push_back(arm(at.frozen, planned));
  KTAPE_TRY(server_.freezer().resume(std::move(at)));
  for (const Change& change : changes_) {
    if (!change.error) continue;
    if (change.error->code == ErrorCode::kMachineLost) return *change.error;
    // The run continues without the trigger.
    progress_.say(fmt::format("cannot freeze on {}: {}", plan_.triggers[change.planned].name,
                              change.error->message));
    recorder_.lose("freeze_triggers", "freeze triggers that could not be set up", 1);
  }
  return record_changes();
}

HostFreezes::Change HostFreezes::arm(Frozen& frozen, size_t planned) {
  const Kernel& kernel = *server_.kernel();
  const FreezeTrigger& trigger = plan_.triggers[planned];
  Change change{planned, schema::TriggerChange::NOT_ARMED, {}, {}};
  const auto set = [&]() -> Result<void> {
    if (trigger.scx_error) {
      KTAPE_ASSIGN(exits_, ScxExitReader::create(kernel));
    }
    KTAPE_ASSIGN(change.address, kernel.symbol(trigger.function));
    return breakpoints_.hold(frozen, change.address);
  };
  if (const Result<void> done = set(); !done.ok()) {
    change.error = done.error();
    return change;
  }
  change.change = schema::TriggerChange::ARMED;
  // The hits of a trigger that was armed are counted even if it is disarmed later.
  armed_[planned] = {change.address};
  counts_[planned].armed = true;
  return change;
}

Result<void> HostFreezes::record_changes() {
  for (const Change& change : std::exchange(changes_, {})) {
    KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) {
      auto to = record.initTriggerChanged();
      to.setTrigger(plan_.triggers[change.planned].name);
      to.setChange(change.change);
      to.setAddress(change.address.value);
      if (change.error) to.setReason(change.error->message);
    }));
  }
  return {};
}

Result<void> HostFreezes::on_breakpoint() {
  // The machine has stopped by itself; stop() takes its registers and proves that every vCPU
  // stands.
  KTAPE_ASSIGN(StoppedMachine at, server_.freezer().stop());
  if (!at.registers.ok())
    recorder_.lose("unknown_breakpoints", "stops at a breakpoint whose registers could not be read",
                   1);
  // While stopped, and before anything is recorded: the thaw steps exactly these vCPUs on.
  Hits found = take_hits(at);
  // While it is stopped: breakpoints can be changed only then.
  KTAPE_TRY(disarm_spent(at.frozen));
  if (found.hits.empty()) {
    KTAPE_TRY(server_.freezer().resume(std::move(at)));
    return record_changes();
  }
  progress_.say(frozen_by(found.hits));
  KTAPE_TRY(
      freeze(std::move(at), {schema::FreezeCause::TRIGGER, 0, std::move(found.hits)}, found.exits));
  return record_changes();
}

// All vCPUs at an armed function, in order; none if they have moved on.
HostFreezes::Hits HostFreezes::take_hits(StoppedMachine& at) {
  Hits found;
  // A vCPU may be at one function only, but several triggers may be for that function.
  const size_t vcpus = at.registers.ok() ? at.registers->size() : 0;
  for (size_t vcpu = 0; vcpu < vcpus; ++vcpu) {
    for (auto& [planned, armed] : armed_) {
      if (!arrives_at((*at.registers)[vcpu], armed.address)) continue;
      ++armed.entered;
      if (auto one = hit(at, planned, vcpu, found.exits)) found.hits.push_back(std::move(*one));
    }
  }
  for (size_t planned = 0; planned < counts_.size(); ++planned) {
    const bool froze = std::ranges::any_of(
        found.hits, [&](const TriggerHit& one) { return one.trigger == counts_[planned].name; });
    counts_[planned].freezes += froze ? 1 : 0;
  }
  return found;
}

std::optional<TriggerHit> HostFreezes::hit(StoppedMachine& at, size_t planned, size_t vcpu,
                                           std::vector<ScxExit>& exits) {
  const FreezeTrigger& trigger = plan_.triggers[planned];
  // Hits beyond its count are not reported, but were counted as entered.
  if (counts_[planned].hits >= trigger.times) return std::nullopt;
  TriggerHit one{trigger.name, static_cast<int32_t>(vcpu), ""};
  if (trigger.scx_error) {
    // RDI has the first argument (System V ABI); at the first instruction nothing has changed it.
    const GuestVirtual argument((*at.registers)[vcpu].rdi);
    Result<ScxExit> exit = exits_->read(at.frozen.memory(), argument);
    // An unreadable exit may be an error, and its evidence would be lost.
    if (exit.ok() && !exit->error) return std::nullopt;
    if (exit.ok()) {
      // Kept for the end of the run: if the guest dies now, this is the reason.
      one.detail = scheduler_error_ = exit->text();
      exits.push_back(std::move(*exit));
    }
  }
  ++counts_[planned].hits;
  return one;
}

Result<void> HostFreezes::disarm_spent(Frozen& frozen) {
  for (auto next = armed_.begin(); next != armed_.end();) {
    const auto& [planned, armed] = *next;
    const bool spent = counts_[planned].hits >= plan_.triggers[planned].times;
    if (!spent && armed.entered < kMaxEntered) {
      ++next;
      continue;
    }
    if (!spent)
      recorder_.lose("spent_triggers",
                     "triggers disarmed because their function is entered too often", 1);
    changes_.push_back({planned,
                        spent ? schema::TriggerChange::SPENT : schema::TriggerChange::GIVEN_UP,
                        armed.address,
                        {}});
    KTAPE_TRY(breakpoints_.release(frozen, armed.address));
    next = armed_.erase(next);
  }
  return {};
}

Result<void> HostFreezes::on_demand() {
  if (server_.kernel() == nullptr) {
    progress_.say("not frozen: the kernel is not adopted yet");
    return {};
  }
  KTAPE_ASSIGN(StoppedMachine at, server_.freezer().stop());
  progress_.say("frozen on demand");
  return freeze(std::move(at), {schema::FreezeCause::USER, 0, {}}, {});
}

Result<void> HostFreezes::on_time() {
  const Clock::time_point now = Clock::now();
  if (now < intervals_.due()) return {};
  const FreezeReason reason{schema::FreezeCause::PERIODIC, 0, {}, intervals_.take(now)};
  const Result<void> frozen = server_.freezer().freeze(reason);
  // Committed at once, as a freeze for a request is.
  KTAPE_TRY(recorder_.commit());
  intervals_.done(Clock::now());
  return frozen;
}

std::optional<IntervalCounts> HostFreezes::intervals() const {
  if (plan_.every.count() == 0) return std::nullopt;
  return intervals_.counts();
}

Result<void> HostFreezes::freeze(StoppedMachine at, FreezeReason reason,
                                 const std::vector<ScxExit>& exits) {
  capnp::MallocMessageBuilder message;
  auto reads = message.initRoot<schema::OpRequest>();
  reads.setStep(step_);
  reads_.fill(at.frozen.memory(), exits, reads);
  return server_.freeze_for_host(std::move(at), std::move(reason), reads.asReader());
}

}  // namespace ktape
