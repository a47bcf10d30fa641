// SPDX-License-Identifier: Apache-2.0

// vtime-monotonic: the vtime of a task never goes back under a scheduler that declares so.

#include <fmt/format.h>

#include <map>
#include <optional>
#include <tuple>

#include "analyzers/op_assertion.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    R"(Asserts that scx.dsq_vtime of a task never goes back: within one attachment of one
scheduler, every value read is at or after every value written or read before it. Values
are compared by their signed 64-bit difference, as the kernel does, in the order of the
replies. The old value that a write reports counts as read.

A value that was read while the task was not under the scheduler is not judged: gate 6
(its class), 7 (its policy) or 12 (enabled) failed. Kernels may clear the field of a task
that leaves.

A task is a pid with its start time, so only targets of the form task are judged.
Inconclusive if the scheduler does not declare that its vtime only grows, if several
schedulers were attached at once, if a read did not succeed, or if there are not two
values to compare.)";

struct Value {
  uint64_t vtime = 0;
  Seq seq;
  const char* how = "";  // "read", "written"
};

// The gates that say whether a task is under the scheduler, and their names.
const char* membership(schema::Gate gate) {
  switch (gate) {
    case schema::Gate::SCHED_CLASS: return "schedClass";
    case schema::Gate::POLICY: return "policy";
    case schema::Gate::ENABLED: return "enabled";
    default: return nullptr;
  }
}

// The values of one task under one attachment; three of them tell as much as all. Differences wrap
// around: numbers lie on a circle, and a value is ahead of another if it is on the half of the
// circle after it. While one half of the circle holds all values, the first and the last of them
// suffice; once no half does, three values can be chosen so that every half has one of them.
class History {
 public:
  // A value that is there already adds nothing.
  void add(const Value& value) {
    if (values_.size() == kMaxValues || !values_.emplace(value.vtime, value).second ||
        values_.size() < kMaxValues)
      return;
    // If three values are on one half, the middle one is not needed.
    for (auto it = values_.begin(); it != values_.end(); ++it) {
      const auto after = next(it);
      // More than half of the circle has no value: the three lie on the other half, and the one
      // behind `after` is in the middle.
      if (after->first - it->first <= kHalf) continue;
      values_.erase(next(after));
      return;
    }
  }

  // The value furthest ahead of `vtime`, if any is ahead: u with (s64)(vtime - u) < 0.
  [[nodiscard]] std::optional<Value> ahead_of(uint64_t vtime) const {
    if (values_.empty()) return std::nullopt;
    // Those are the u in (vtime, vtime + 2^63]: look at the last one at or before the end of that
    // range.
    auto it = values_.upper_bound(vtime + kHalf);
    // Around the circle: the range may begin before 0.
    if (it == values_.begin()) it = values_.end();
    const Value& candidate = std::prev(it)->second;
    if (static_cast<int64_t>(vtime - candidate.vtime) >= 0) return std::nullopt;
    return candidate;
  }

  [[nodiscard]] bool empty() const { return values_.empty(); }

 private:
  static constexpr uint64_t kHalf = uint64_t{1} << 63;
  static constexpr size_t kMaxValues = 3;
  using Values = std::map<uint64_t, Value>;

  // Around the circle.
  Values::iterator next(Values::iterator it) {
    return ++it == values_.end() ? values_.begin() : it;
  }

  Values values_;
};

class VtimeMonotonic final : public OpAssertion {
 public:
  std::string_view name() const override { return "vtime-monotonic"; }
  std::string_view help() const override { return kHelp; }

 protected:
  std::string subject() const override { return "request for scx.dsq_vtime of a task"; }

  bool concerns(schema::OpEntry::Reader asked) const override {
    return asked.getTarget().isTask() && path_is(asked.getTarget(), {"scx", "dsq_vtime"});
  }

  void other(const RecordView& view) override {
    if (view.record.isSchedulerAttached()) {
      auto scheduler = view.record.getSchedulerAttached();
      attached_[scheduler.getId()] = {view.seq, in_quotes(chars(scheduler.getName())),
                                      scheduler.getVtime() == schema::VtimeSemantics::ONLY_GROWS};
    } else if (view.record.isSchedulerExited()) {
      attached_.erase(view.record.getSchedulerExited().getId());
    }
  }

  void answered(const AnsweredEntry& entry) override {
    if (entry.as_expected) return note(entry.reply, entry.failure() + "; as the scenario expects");
    // A write that was refused changed nothing and saw nothing.
    if (!entry.done() && entry.asked.isWrite()) return note(entry.reply, entry.failure());
    if (!entry.done()) return leave_undecided(entry.reply, entry.failure());
    if (outside(entry) || !can_evaluate(entry)) return;
    auto task = entry.asked.getTarget().getTask();
    // An attachment, not a scheduler: values may start anew with each.
    Seq attachment = attached_.begin()->second.since;
    History& history = histories_[{attachment, task.getPid(), task.getStartBoottimeNs()}];
    std::string name =
        fmt::format("task {} (pid {})", in_quotes(chars(task.getWorker())), task.getPid());
    std::optional<uint64_t> value = number_of(entry.got.getValue());
    if (entry.asked.isRead()) {
      if (!value) return note(entry.reply, "a read that is not a u64 is not judged");
      compare(history, {*value, entry.reply, "read"}, name);
      history.add({*value, entry.reply, "read"});
      return;
    }
    // An overwritten value does not bound the values that come after it. It was there before the
    // write, and what comes after it starts at the value written.
    if (auto before = number_of(entry.got.getBefore()))
      compare(history, {*before, entry.reply, "found by a write"}, name);
    if (!value) return note(entry.reply, "a write that is not a u64 is not judged");
    history.add({*value, entry.reply, "written"});
  }

  void concluded() override {
    if (verdict() == Verdict::kInconclusive && undecided().empty()) {
      std::string text = "no task has two values under one attachment to compare";
      if (any_outside_) text += " while under the scheduler";
      leave_undecided(Seq(0), text);
    }
  }

 private:
  struct Attachment {
    Seq since;
    std::string name;
    bool only_grows = false;
  };
  using Task = std::tuple<Seq, int32_t, uint64_t>;  // attachment, pid, start time

  // Whether the gates say that the task was not under the scheduler: its field then means nothing.
  bool outside(const AnsweredEntry& entry) {
    for (const FailedGate& failed : entry.failed_gates) {
      const char* name = membership(failed.gate);
      if (name == nullptr) continue;
      note(
          entry.reply,
          fmt::format(
              "not judged, the task was not under the scheduler: gate {} ({}) observed {} (seq {})",
              static_cast<unsigned>(failed.gate), name, failed.observed, failed.seq.value));
      any_outside_ = true;
      return true;
    }
    return false;
  }

  // Whether exactly one scheduler is attached, and declares the asserted property.
  bool can_evaluate(const AnsweredEntry& entry) {
    if (attached_.empty()) {
      leave_undecided(entry.reply, "no scheduler was attached");
    } else if (attached_.size() > 1) {
      leave_undecided(entry.reply,
                      fmt::format("{} schedulers were attached; whose task it was is not known",
                                  attached_.size()));
    } else if (const Attachment& only = attached_.begin()->second; !only.only_grows) {
      leave_undecided(
          entry.reply,
          fmt::format("scheduler {} (seq {}) does not declare that its vtime only grows", only.name,
                      only.since.value));
    } else {
      return true;
    }
    return false;
  }

  void compare(const History& history, const Value& now, const std::string& task) {
    if (history.empty()) return;
    std::optional<Value> ahead = history.ahead_of(now.vtime);
    std::string seen = fmt::format("{}: {} {}", task, now.vtime, now.how);
    if (!ahead) return confirm(now.seq, seen + ", at or after every value before it");
    violate(now.seq, fmt::format("{}, {} before {} {} at seq {}", seen, ahead->vtime - now.vtime,
                                 ahead->vtime, ahead->how, ahead->seq.value));
  }

  std::map<uint32_t, Attachment> attached_;  // by the scheduler's id
  std::map<Task, History> histories_;
  bool any_outside_ = false;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<VtimeMonotonic>(); }

}  // namespace ktape
