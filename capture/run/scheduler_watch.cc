// SPDX-License-Identifier: Apache-2.0
#include "capture/run/scheduler_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "schema/base/text.h"
#include "schema/terms/scheduler_exit.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

using namespace std::chrono_literals;

constexpr size_t kMaxKnown = 4096;  // including those that have exited but are not freed yet
constexpr unsigned kMaxNames = 64;
// The first ejections name the cause; a scheduler that fails again and again adds nothing.
constexpr size_t kMaxEjections = 16;
// An enable takes tens of milliseconds, and the agent may be waiting for its result.
constexpr auto kEnableInterval = 5ms;
constexpr auto kUpdateInterval = 20ms;

std::string after_colon(const std::string& text) {
  return text.empty() ? "" : ": " + printable(text);
}

}  // namespace

void SchedulerWatch::adopted(const Kernel& kernel) {
  Result<std::unique_ptr<SchedExtReader>> reader = SchedExtReader::create(kernel);
  if (reader.ok()) {
    reader_ = std::move(*reader);
  } else {
    unreadable_ = reader.error().message;
  }
}

void SchedulerWatch::arm(Frozen& frozen, Breakpoints& breakpoints) {
  // attach_unread() does without.
  if (!reader_) return;
  const Result<void> set = breakpoints.hold(frozen, reader_->free_function());
  armed_ = set.ok();
  if (armed_) return;
  progress_.say("a scheduler's exit may be missed: " + set.error().message);
  recorder_.lose("scheduler_exit_watch", "breakpoints on a scheduler's exit that could not be set",
                 1);
}

Result<void> SchedulerWatch::on_state(schema::SchedulerState::Reader state, GuestNs guest) {
  KTAPE_TRY(record_state(state, guest));
  // sysfs is the agent's view; memory decides. This is kept for the end, when a scheduler stays
  // behind.
  enabled_ = as_text(state.getState()) == "enabled";
  ended_ = ended_ || state.getEnded();
  if (!reader_) return attach_unread(state);
  // Something has changed: look now and not at the next interval.
  next_update_ = {};
  return {};
}

// Records what the guest reports, for comparison with its memory.
Result<void> SchedulerWatch::record_state(schema::SchedulerState::Reader state, GuestNs guest) {
  return recorder_.record_at(recorder_.now(), guest, [&](schema::Record::Builder record) {
    auto to = record.initGuestFacts();
    to.setSubject("sched_ext");
    const unsigned names = std::min(state.getNames().size(), kMaxNames);
    const unsigned more = state.getNames().size() - names;
    const bool counts = state.getEnableSeq().size() > 0;
    auto facts = to.initFacts(3 + names + (more > 0 ? 1 : 0) + (counts ? 1 : 0) +
                              (state.getEnded() ? 1 : 0));
    unsigned next = 0;
    const auto add = [&](const char* name, std::string_view value) {
      facts[next].setName(name);
      facts[next++].setValue(as_data(value));
    };
    add("state", as_text(state.getState()));
    add("program", state.getProgram().cStr());
    add("pid", std::to_string(state.getPid()));
    for (unsigned i = 0; i < names; ++i) add("scheduler", as_text(state.getNames()[i]));
    if (more > 0) add("moreSchedulers", std::to_string(more));
    if (counts) add("enableSeq", as_text(state.getEnableSeq()));
    if (state.getEnded()) {
      add("ended",
          fmt::format("{} {}", state.getKilled() ? "signal" : "status", state.getStatus()));
    }
  });
}

void SchedulerWatch::observe(const GuestMemory& memory, const std::vector<VcpuRegisters>& registers,
                             bool at_breakpoint) {
  if (!reader_) return;
  for (const VcpuRegisters& vcpu : registers) {
    // A vCPU that does not step on is at the breakpoint again after the thaw, and would be met
    // twice.
    if (at_breakpoint && arrives_at(vcpu, reader_->free_function()))
      meet(memory, reader_->scheduler_to_free(vcpu.rdi), true);
    // 0: this kernel has no such function.
    const uint64_t exit_function = reader_->exit_function().value;
    if (exit_function != 0 && vcpu.rip == exit_function)
      meet(memory, reader_->scheduler_to_exit(vcpu.rdi), false);
  }
}

void SchedulerWatch::meet(const GuestMemory& memory, GuestVirtual address, bool freed) {
  // Several vCPUs may stand at one function with the same scheduler.
  const bool again = std::any_of(seen_.begin(), seen_.end(), [&](const Seen& seen) {
    return seen.state.address == address && seen.freed == freed;
  });
  if (again) return;
  Result<SchedulerState> state = reader_->read(memory, address);
  const Result<bool> enabled = reader_->was_enabled(memory, address);
  // An error here means "unknown", which is not a loss: it only decides how an ejection is worded.
  const Result<bool> tasks = reader_->has_tasks(memory);
  Result<std::optional<SchedulerExitInfo>> info = reader_->exit_so_far(memory, address);
  if (state.ok() && enabled.ok() && info.ok()) {
    const bool has_tasks = !freed && state->parent.value == 0 && tasks.ok() && *tasks;
    seen_.push_back({std::move(*state), freed, *enabled, has_tasks, std::move(*info)});
  } else {
    lose(!state.ok() ? state.error() : !enabled.ok() ? enabled.error() : info.error());
  }
}

Result<void> SchedulerWatch::record_seen() {
  for (const Seen& seen : std::exchange(seen_, {})) {
    // It was enabled and freed between two updates.
    // It was enabled and freed between two looks. A scheduler that was never seen linked: its
    // attempt is recorded first, so that it has an id.
    if (find(seen.state.address) == nullptr) KTAPE_TRY(attempt(seen.state));
    Known* known = find(seen.state.address);
    if (known == nullptr) continue;
    known->had_tasks = known->had_tasks || seen.has_tasks;
    if (!seen.freed) continue;
    if (seen.enabled && !known->attached) KTAPE_TRY(attach(*known, seen.state));
    // A scheduler that was never enabled and has no exit info failed for lack of memory or similar.
    // A scheduler that was enabled is freed after its exit; if there is none, nothing is claimed.
    const bool is_conclusive = seen.exit || !seen.enabled;
    if (!known->ended && is_conclusive)
      KTAPE_TRY(end(*known, seen.exit.value_or(SchedulerExitInfo{})));
    // Its memory may be reused for another scheduler.
    // Its memory may be reused for another scheduler. From here on its address proves nothing.
    std::erase_if(known_, [&](const Known& other) { return other.address == seen.state.address; });
  }
  return {};
}

Result<void> SchedulerWatch::update() {
  KTAPE_TRY(record_seen());
  if (!is_watching() || Clock::now() < next_update_) return {};
  KTAPE_TRY(read_memory());
  next_update_ = Clock::now() + (any_attached_ ? kUpdateInterval : kEnableInterval);
  return {};
}

SchedulerWatch::Clock::time_point SchedulerWatch::due() const {
  return is_watching() ? next_update_ : Clock::time_point::max();
}

// No scheduler object goes away during this: the machine stops before one is freed.
Result<void> SchedulerWatch::read_memory() {
  const Result<LinkedSchedulers> found = reader_->linked(memory_);
  if (!found.ok()) {
    lose(found.error());
    return {};
  }
  if (found->more) leave_out();
  const std::vector<GuestVirtual>& linked = found->addresses;
  // An address that is linked again after its end is another scheduler.
  for (GuestVirtual address : linked) {
    // Without the breakpoint, freed memory may hold another scheduler by now.
    std::erase_if(known_,
                  [&](const Known& known) { return known.ended && known.address == address; });
    if (find(address) != nullptr) continue;
    const Result<SchedulerState> state = reader_->read(memory_, address);
    if (state.ok()) KTAPE_TRY(attempt(*state));
    if (!state.ok()) lose(state.error());
  }
  const Result<bool> tasks = reader_->has_tasks(memory_);
  // The root scheduler is first.
  Known* root = linked.empty() ? nullptr : find(linked.front());
  if (root != nullptr && tasks.ok()) root->had_tasks = root->had_tasks || *tasks;
  for (Known& known : known_) {
    const bool is_linked = std::find(linked.begin(), linked.end(), known.address) != linked.end();
    if (!known.ended) KTAPE_TRY(read_known(known, is_linked));
  }
  return {};
}

// The kernel unlinks a scheduler after its exit has completed, including ops.exit(). Any enable has
// ended by then, too.
Result<void> SchedulerWatch::read_known(Known& known, bool linked) {
  const Result<bool> enabled = reader_->was_enabled(memory_, known.address);
  if (!enabled.ok()) {
    lose(enabled.error());
    return {};
  }
  // Attached and exited between two looks: the attach is recorded first.
  if (*enabled && !known.attached) {
    const Result<SchedulerState> state = reader_->read(memory_, known.address);
    if (state.ok()) KTAPE_TRY(attach(known, *state));
    if (!state.ok()) lose(state.error());
  }
  // Still linked: its exit, if any, is in progress. exit() would wait for it in vain.
  if (linked) return {};
  const Result<std::optional<SchedulerExitInfo>> info = reader_->exit(memory_, known.address);
  if (!info.ok()) lose(info.error());
  if (info.ok() && *info) KTAPE_TRY(end(known, **info));
  return {};
}

Result<void> SchedulerWatch::record_unfinished() {
  KTAPE_TRY(record_seen());
  // Memory that may have been freed proves nothing. armed_: only with the breakpoint is it certain
  // that no object was freed unseen.
  if (!reader_ || !armed_) return {};
  for (Known& known : known_) {
    if (known.ended || !known.attached) continue;
    // The exit as far as it was written, marked as unfinished.
    const Result<std::optional<SchedulerExitInfo>> info =
        reader_->exit_so_far(memory_, known.address);
    if (info.ok() && *info) KTAPE_TRY(end(known, **info, true));
  }
  return {};
}

Result<void> SchedulerWatch::attempt(const SchedulerState& state) {
  if (known_.size() >= kMaxKnown) {
    // When an id is given, the parent is known already: linked() lists parents first.
    leave_out();
    return {};
  }
  const uint32_t parent = id_of(state.parent);
  known_.push_back({state.address, ++last_id_, state.name, state.partial});
  return recorder_.record([&](schema::Record::Builder record) {
    auto to = record.initSchedulerAttempted();
    to.setId(last_id_);
    to.setName(as_data(state.name));
    to.setParent(parent);
    to.setCgroup(as_data(state.cgroup));
  });
}

// The root scheduler's flags decide which tasks a sub-scheduler gets.
Result<void> SchedulerWatch::attach(Known& known, const SchedulerState& state) {
  known.attached = any_attached_ = true;
  news_.push_back({state.name, true, ""});
  const Known* parent = state.parent.value == 0 ? nullptr : find(state.parent);
  if (parent != nullptr) known.partial = parent->partial;
  progress_.say(fmt::format("scheduler {} attached{}{}", in_quotes(state.name),
                            known.partial ? ", partial switch" : "",
                            state.cgroup.empty() ? "" : ", for cgroup " + in_quotes(state.cgroup)));
  return recorder_.record([&](schema::Record::Builder record) {
    auto to = record.initSchedulerAttached();
    to.setId(known.id);
    to.setName(as_data(state.name));
    auto ops = to.initOps(static_cast<unsigned>(state.ops.size()));
    for (unsigned i = 0; i < ops.size(); ++i) ops.set(i, state.ops[i]);
    to.setSwitchMode(known.partial ? schema::SwitchMode::PARTIAL : schema::SwitchMode::FULL);
    to.setVtime(schema::VtimeSemantics::NOT_DECLARED);
    to.setTimeoutMs(state.timeout_ms);
    to.setParent(parent == nullptr ? 0 : parent->id);
    to.setCgroup(as_data(state.cgroup));
    to.setObjectDigest(as_data(std::span<const std::byte>(program_)));
  });
}

Result<void> SchedulerWatch::end(Known& known, const SchedulerExitInfo& info, bool unfinished) {
  known.ended = true;
  const std::string exit = fmt::format("{}, {}{}", exit_words(info.kind, info.exit_code),
                                       printable(info.reason), after_colon(info.message));
  progress_.say(fmt::format("scheduler {} {}: {}", in_quotes(known.name),
                            known.attached    ? (unfinished ? "is exiting" : "exited")
                            : known.had_tasks ? "was ejected while being enabled"
                                              : "was not enabled",
                            exit));
  // The agent waits for the result of every enable.
  if (!known.attached)
    news_.push_back(
        {known.name, known.had_tasks, info.message.empty() ? info.reason : info.message});
  if ((known.attached || known.had_tasks) && is_error_exit(info.kind)) {
    if (ejections_.size() == kMaxEjections) {
      ++ejections_left_out_;
    } else {
      ejections_.push_back(ejection_words(known.name, info.reason, info.message));
    }
  }
  return record_end(known, info, unfinished);
}

Result<void> SchedulerWatch::record_end(const Known& known, const SchedulerExitInfo& info,
                                        bool unfinished) {
  if (info.dump.size() >= ScxExitInfoReader::kMaxDumpBytes)
    recorder_.lose("scheduler_dumps", "scheduler exit dumps that were cut off", 1);
  return recorder_.record([&](schema::Record::Builder record) {
    auto to = known.attached ? record.initSchedulerExited() : record.initSchedulerEnableFailed();
    to.setId(known.id);
    to.setKind(info.kind);
    to.setReason(as_data(info.reason));
    to.setMessage(as_data(info.message));
    to.setDump(as_data(info.dump));
    to.setExitCode(info.exit_code);
    to.setUnfinished(unfinished);
  });
}

// The kernel's memory cannot be read, so the guest's report is all there is. The count also shows a
// scheduler that came and went between two reads of sysfs.
Result<void> SchedulerWatch::attach_unread(schema::SchedulerState::Reader state) {
  const std::string_view count = as_text(state.getEnableSeq());
  const bool any = state.getNames().size() > 0 ? enabled_ : !count.empty() && count != "0";
  if (!any || any_attached_) return {};
  // Once per run: any_attached_ is set below.
  lose(Error{ErrorCode::kNotFound, unreadable_, ""});
  SchedulerState reported;
  if (state.getNames().size() > 0) reported.name = as_text(state.getNames()[0]);
  Known known{GuestVirtual(0), ++last_id_, reported.name};
  KTAPE_TRY(attach(known, reported));
  known_.push_back(std::move(known));
  return {};
}

SchedulerWatch::Known* SchedulerWatch::find(GuestVirtual address) {
  const auto found = std::find_if(known_.begin(), known_.end(),
                                  [&](const Known& known) { return known.address == address; });
  return found == known_.end() ? nullptr : &*found;
}

uint32_t SchedulerWatch::id_of(GuestVirtual address) {
  const Known* known = address.value == 0 ? nullptr : find(address);
  return known == nullptr ? 0 : known->id;
}

void SchedulerWatch::lose(const Error& error) {
  // The same error is shown once; it is counted each time.
  if (std::exchange(last_loss_, error.message) != error.message)
    progress_.say("cannot read the scheduler's state: " + error.message);
  recorder_.lose("scheduler_state", "failed reads of a scheduler's state", 1);
}

void SchedulerWatch::leave_out() {
  if (!std::exchange(leaves_out_, true))
    progress_.say(fmt::format("the kernel has more than {} schedulers; the rest are not recorded",
                              SchedExtReader::kMaxSchedulers));
  recorder_.lose("schedulers_left_out",
                 "reads of the kernel's schedulers that found more than are recorded", 1);
}

// A pinned scheduler stays enabled after its program has ended.
bool SchedulerWatch::take_settled() {
  const bool open =
      std::any_of(known_.begin(), known_.end(), [](const Known& known) { return !known.ended; });
  // Waits for exits as long as the breakpoint will show them; without it nothing more may come.
  if (settled_ || !ended_ || (open && armed_ && !enabled_)) return false;
  settled_ = true;
  if (open) recorder_.lose("scheduler_exits", "schedulers whose exit was not seen", 1);
  return true;
}

Result<void> record_enable_count(const Kernel& kernel, const GuestMemory& memory,
                                 Recorder& recorder) {
  const Result<GuestVirtual> symbol = kernel.symbol(kEnableSeqSymbol);
  if (!symbol.ok()) return {};
  const Result<uint64_t> count = kernel.read_uint(memory, *symbol, sizeof(uint64_t));
  if (!count.ok()) {
    recorder.lose("enable_count", "failed reads of the kernel's count of enabled schedulers", 1);
    return {};
  }
  return recorder.record([&](schema::Record::Builder record) {
    auto sample = record.initSample();
    sample.setName(kEnableSeqSymbol);
    sample.initTarget().setSymbol(kEnableSeqSymbol);
    sample.initValue().setU64(*count);
  });
}

}  // namespace ktape
