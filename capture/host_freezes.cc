// SPDX-License-Identifier: Apache-2.0
#include "capture/host_freezes.h"

#include <capnp/message.h>
#include <fmt/format.h>

#include <algorithm>

namespace ktape {

namespace {

// A function that is reached this often without freezing anything slows the guest down for nothing.
constexpr uint32_t kMostHits = 10000;

}  // namespace

Result<void> HostFreezes::adopted() {
  reads_.adopted(*coordinator_.kernel());
  if (plan_.triggers.empty()) return {};
  KTAPE_ASSIGN(Standstill at, coordinator_.freezer().stop());
  std::vector<std::pair<std::string, Error>> failed;
  for (size_t i = 0; i < plan_.triggers.size(); ++i) {
    Result<void> armed = arm(at.frozen, i);
    if (!armed.ok()) failed.emplace_back(plan_.triggers[i].name, armed.error());
  }
  KTAPE_TRY(coordinator_.freezer().let_go(std::move(at)));
  for (const auto& [name, error] : failed) {
    if (error.code == ErrorCode::kMachineLost) return error;
    // A run without a trigger is still a run.
    progress_.say(fmt::format("cannot freeze on {}: {}", name, error.message));
    recorder_.lose("freeze_triggers", "freeze triggers that could not be set up", 1);
  }
  return {};
}

Result<void> HostFreezes::arm(Frozen& frozen, size_t planned) {
  const Kernel& kernel = *coordinator_.kernel();
  const FreezeTrigger& trigger = plan_.triggers[planned];
  if (trigger.scx_error) {
    KTAPE_ASSIGN(exits_, ScxExitReader::create(kernel));
  }
  KTAPE_ASSIGN(const GuestVirtual address, kernel.symbol(trigger.function));
  KTAPE_TRY(frozen.set_breakpoint(address));
  armed_.push_back({planned, address});
  counts_[planned].armed = true;
  return {};
}

void HostFreezes::step_started(uint32_t step) {
  step_ = step;
  if (plan_.every.count() > 0 && coordinator_.kernel() != nullptr && !next_)
    next_ = Clock::now() + plan_.every;
}

// The armed breakpoint at which a vCPU stands, and which one does; nothing when it has moved on.
HostFreezes::Armed* HostFreezes::reached(const Standstill& at, int32_t& vcpu) {
  if (!at.registers.ok()) return nullptr;
  for (size_t cpu = 0; cpu < at.registers->size(); ++cpu) {
    for (Armed& armed : armed_) {
      if ((*at.registers)[cpu].rip != armed.address.value) continue;
      vcpu = static_cast<int32_t>(cpu);
      return &armed;
    }
  }
  return nullptr;
}

Result<void> HostFreezes::on_breakpoint() {
  KTAPE_ASSIGN(Standstill at, coordinator_.freezer().stop());
  int32_t vcpu = -1;
  Armed* armed = reached(at, vcpu);
  if (!at.registers.ok())
    recorder_.lose("unknown_breakpoints", "stops at a breakpoint of which registers could not be read", 1);
  if (armed == nullptr) return coordinator_.freezer().let_go(std::move(at));
  return fire(std::move(at), *armed, vcpu);
}

Result<void> HostFreezes::fire(Standstill at, Armed& armed, int32_t vcpu) {
  ++armed.hits;
  const FreezeTrigger& trigger = plan_.triggers[armed.planned];
  std::optional<ScxExit> exit;
  if (trigger.scx_error) {
    const GuestVirtual argument((*at.registers)[static_cast<size_t>(vcpu)].rdi);
    Result<ScxExit> found = exits_->read(at.frozen.memory(), argument);
    // What cannot be read may be an error as well, and its evidence would be lost.
    if (found.ok() && !found->error) {
      KTAPE_TRY(disarm_if_spent(at.frozen, armed));
      return coordinator_.freezer().let_go(std::move(at));
    }
    if (found.ok()) exit = std::move(*found);
  }
  ++counts_[armed.planned].freezes;
  FreezeReason reason{schema::FreezeCause::TRIGGER, 0, trigger.name, vcpu, exit ? exit->text() : ""};
  KTAPE_TRY(disarm_if_spent(at.frozen, armed));
  progress_.say(fmt::format("frozen by {} on CPU {}{}", reason.trigger, vcpu,
                            reason.detail.empty() ? "" : ": " + reason.detail));
  return freeze(std::move(at), std::move(reason), exit);
}

Result<void> HostFreezes::disarm_if_spent(Frozen& frozen, const Armed& armed) {
  const bool spent = counts_[armed.planned].freezes >= plan_.triggers[armed.planned].times;
  if (!spent && armed.hits < kMostHits) return {};
  if (!spent)
    recorder_.lose("spent_triggers", "triggers given up because their function is entered too often", 1);
  const GuestVirtual address = armed.address;
  std::erase_if(armed_, [&](const Armed& other) { return other.address == address; });
  return frozen.clear_breakpoint(address);
}

Result<void> HostFreezes::on_demand() {
  if (coordinator_.kernel() == nullptr) {
    progress_.say("not frozen: the kernel is not known yet");
    return {};
  }
  KTAPE_ASSIGN(Standstill at, coordinator_.freezer().stop());
  progress_.say("frozen on demand");
  return freeze(std::move(at), {schema::FreezeCause::USER, 0, "", -1, ""}, std::nullopt);
}

Result<void> HostFreezes::on_time() {
  if (!next_ || Clock::now() < *next_) return {};
  const FreezeReason reason{schema::FreezeCause::PERIODIC, 0, "", -1, ""};
  KTAPE_ASSIGN(const FreezeDone done, coordinator_.freezer().freeze(reason, {}));
  // From now on: a host that is late must not make up for it with freezes one after the other.
  next_ = Clock::now() + plan_.every;
  return done.thaw;
}

Result<void> HostFreezes::freeze(Standstill at, FreezeReason reason, const std::optional<ScxExit>& exit) {
  capnp::MallocMessageBuilder message;
  auto reads = message.initRoot<schema::OpRequest>();
  reads.setStep(step_);
  reads_.fill(at.frozen.memory(), exit, reads);
  return coordinator_.freeze_for_host(std::move(at), std::move(reason), reads.asReader());
}

}  // namespace ktape
