// SPDX-License-Identifier: Apache-2.0
#include "capture/scheduler_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "schema/base/text.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

constexpr size_t kMaxKnown = 1024;
constexpr unsigned kMaxNames = 64;

}  // namespace

void SchedulerWatch::adopted(const Kernel& kernel) {
  Result<std::unique_ptr<SchedExtReader>> reader = SchedExtReader::create(kernel);
  if (reader.ok()) {
    reader_ = std::move(*reader);
  } else {
    unreadable_ = reader.error().message;
  }
}

std::vector<BreakpointWish> SchedulerWatch::breakpoints(const KernelKnowledge& kernel,
                                                        schema::Scenario::Reader scenario) {
  if (!scenario.getScheduler().isExternal() || !kernel.symbols.find(kSchedulerFreeFunction)) return {};
  return {{BreakpointPriority::kSchedulers, "the exit of an external scheduler", kSchedulerFreeFunction}};
}

void SchedulerWatch::arm(Frozen& frozen, Breakpoints& breakpoints) {
  if (!reader_) return;
  const Result<void> set = breakpoints.hold(frozen, reader_->free_function());
  armed_ = set.ok();
  if (armed_) return;
  progress_.say("an exit of a scheduler may be missed: " + set.error().message);
  recorder_.lose("scheduler_exit_watch", "breakpoints on a scheduler's end that could not be set", 1);
}

Result<void> SchedulerWatch::on_state(schema::SchedulerState::Reader state, GuestNs guest) {
  KTAPE_TRY(record_state(state, guest));
  enabled_ = as_text(state.getState()) == "enabled";
  ended_ = ended_ || state.getEnded();
  if (!reader_) return attach_unread(state);
  return look(enabled_);
}

// What the guest says, to be held against what its memory says.
Result<void> SchedulerWatch::record_state(schema::SchedulerState::Reader state, GuestNs guest) {
  return recorder_.record_at(recorder_.now(), guest, [&](schema::Record::Builder record) {
    auto to = record.initGuestFacts();
    to.setSubject("sched_ext");
    const unsigned names = std::min(state.getNames().size(), kMaxNames);
    auto facts = to.initFacts(3 + names + (state.getEnded() ? 1 : 0));
    unsigned next = 0;
    const auto add = [&](const char* name, std::string_view value) {
      facts[next].setName(name);
      facts[next++].setValue(as_data(value));
    };
    add("state", as_text(state.getState()));
    add("program", state.getProgram().cStr());
    add("pid", std::to_string(state.getPid()));
    for (unsigned i = 0; i < names; ++i) add("scheduler", as_text(state.getNames()[i]));
    if (state.getEnded()) {
      add("ended", fmt::format("{} {}", state.getKilled() ? "signal" : "status", state.getStatus()));
    }
  });
}

// What the agent said of sysfs was true when it sent it: a scheduler that is enabled is not freed before the
// machine has stopped at the breakpoint, so its memory is there.
Result<void> SchedulerWatch::look(bool enabled) {
  const Result<std::vector<GuestVirtual>> attached = reader_->attached(memory_);
  if (!attached.ok()) {
    lose(attached.error());
    return {};
  }
  const auto is_attached = [&](GuestVirtual address) {
    return std::find(attached->begin(), attached->end(), address) != attached->end();
  };
  for (GuestVirtual address : *attached) {
    if (!enabled || find(address) != nullptr) continue;
    const Result<SchedulerState> state = reader_->read(memory_, address);
    const Result<bool> full = reader_->switched_all(memory_);
    if (state.ok() && full.ok()) {
      KTAPE_TRY(attach(*state, *full));
    } else {
      lose(state.ok() ? full.error() : state.error());
    }
  }
  // The kernel takes a scheduler off its lists when the exit is complete, but for the call of ops.exit().
  for (Known& known : known_) {
    if (known.exited || is_attached(known.address)) continue;
    const Result<std::optional<SchedulerExitInfo>> info = reader_->exit(memory_, known.address);
    if (!info.ok()) lose(info.error());
    if (info.ok() && *info) KTAPE_TRY(exit(known, **info));
  }
  return {};
}

void SchedulerWatch::look_at(const GuestMemory& memory, const std::vector<VcpuRegisters>& registers) {
  if (!reader_) return;
  for (const VcpuRegisters& vcpu : registers) {
    if (vcpu.rip != reader_->free_function().value) continue;
    const GuestVirtual address = reader_->scheduler_to_free(vcpu.rdi);
    const bool again = std::any_of(seen_.begin(), seen_.end(),
                                   [&](const Seen& seen) { return seen.state.address == address; });
    if (again) continue;
    Result<SchedulerState> state = reader_->read(memory, address);
    Result<std::optional<SchedulerExitInfo>> info = reader_->exit(memory, address);
    if (!state.ok()) lose(state.error());
    if (!info.ok()) lose(info.error());
    if (state.ok() && info.ok()) seen_.push_back({std::move(*state), std::move(*info)});
  }
}

Result<void> SchedulerWatch::record_seen() {
  for (const Seen& seen : std::exchange(seen_, {})) {
    // It came and went between two looks, or its attachment has failed.
    if (find(seen.state.address) == nullptr) KTAPE_TRY(attach(seen.state, !seen.state.partial));
    Known* known = find(seen.state.address);
    if (known != nullptr && !known->exited && seen.exit) KTAPE_TRY(exit(*known, *seen.exit));
    // Its memory may become another scheduler's.
    std::erase_if(known_, [&](const Known& other) { return other.address == seen.state.address; });
  }
  return {};
}

Result<void> SchedulerWatch::attach(const SchedulerState& state, bool full_switch) {
  if (known_.size() >= kMaxKnown) return {};
  const Known* parent = state.parent.value == 0 ? nullptr : find(state.parent);
  const uint32_t parent_id = parent == nullptr ? 0 : parent->id;
  known_.push_back({state.address, ++last_id_, state.name});
  progress_.say(fmt::format("scheduler {} attached{}{}", in_quotes(state.name),
                            full_switch ? "" : ", partial switch",
                            state.cgroup.empty() ? "" : ", for cgroup " + in_quotes(state.cgroup)));
  return recorder_.record([&](schema::Record::Builder record) {
    auto to = record.initSchedulerAttached();
    to.setId(last_id_);
    to.setName(as_data(state.name));
    auto ops = to.initOps(static_cast<unsigned>(state.ops.size()));
    for (unsigned i = 0; i < ops.size(); ++i) ops.set(i, state.ops[i]);
    to.setSwitchMode(full_switch ? schema::SwitchMode::FULL : schema::SwitchMode::PARTIAL);
    to.setVtime(schema::VtimeSemantics::NOT_DECLARED);
    to.setTimeoutMs(state.timeout_ms);
    to.setParent(parent_id);
    to.setCgroup(as_data(state.cgroup));
    to.setObjectDigest(as_data(std::span<const std::byte>(program_)));
  });
}

Result<void> SchedulerWatch::exit(Known& known, const SchedulerExitInfo& info) {
  known.exited = true;
  progress_.say(fmt::format("scheduler {} exited: kind {}, {}{}", in_quotes(known.name), info.kind,
                            printable(info.reason),
                            info.message.empty() ? "" : ": " + printable(info.message)));
  return recorder_.record([&](schema::Record::Builder record) {
    auto to = record.initSchedulerExited();
    to.setId(known.id);
    to.setKind(info.kind);
    to.setReason(as_data(info.reason));
    to.setMessage(as_data(info.message));
    to.setDump(as_data(info.dump));
    to.setExitCode(info.exit_code);
  });
}

// The kernel's memory does not tell: the name that the guest says is all that there is.
Result<void> SchedulerWatch::attach_unread(schema::SchedulerState::Reader state) {
  if (!enabled_ || last_id_ > 0 || state.getNames().size() == 0) return {};
  lose(Error{ErrorCode::kNotFound, unreadable_, ""});
  SchedulerState told;
  told.name = as_text(state.getNames()[0]);
  return attach(told, true);
}

SchedulerWatch::Known* SchedulerWatch::find(GuestVirtual address) {
  const auto found = std::find_if(known_.begin(), known_.end(),
                                  [&](const Known& known) { return known.address == address; });
  return found == known_.end() ? nullptr : &*found;
}

void SchedulerWatch::lose(const Error& error) {
  progress_.say("cannot read the scheduler's state: " + error.message);
  recorder_.lose("scheduler_state", "looks at a scheduler's state that failed", 1);
}

// A scheduler that is still enabled when its program has ended, because it was pinned, stays.
bool SchedulerWatch::take_settled() {
  const bool open =
      std::any_of(known_.begin(), known_.end(), [](const Known& known) { return !known.exited; });
  if (settled_ || !ended_ || (open && armed_ && !enabled_)) return false;
  settled_ = true;
  if (open) recorder_.lose("scheduler_exits", "schedulers whose exit was not seen", 1);
  return true;
}

}  // namespace ktape
