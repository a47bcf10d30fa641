// SPDX-License-Identifier: Apache-2.0

// no-scheduler-error: the kernel ejected no scheduler, and none aborted.

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "analyzers/assertion.h"
#include "schema/base/text.h"
#include "schema/tape/facts/ejections.h"
#include "schema/tape/facts/lockup_coverage.h"
#include "schema/terms/scheduler_exit.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    R"(Asserts that no scheduler exited with an error: a stall, a runtime error, an
scx_bpf_error(); that none was being ejected for an error when the run ended; that no
enable failed with one. Cites the kernel's reason and message.

Inconclusive if no scheduler was attached, if the exit of a scheduler is not on the tape,
or if the kernel counts a different number of enabled schedulers than the tape.

Notes if freezes kept the guest's kernel from reporting lockups: their absence on the tape
then proves nothing. sched_ext's own watchdog, which ejects a scheduler for a stall, is
not affected.)";

// The kernel's count of enables.
constexpr std::string_view kEnableCount = "scx_enable_seq";

std::string with_reasons(std::string text, schema::SchedulerExited::Reader exit) {
  if (exit.getReason().size() > 0) text += ": " + printable(chars(exit.getReason()));
  if (exit.getMessage().size() > 0) text += " (" + printable(chars(exit.getMessage())) + ")";
  return text;
}

class NoSchedulerError final : public Assertion {
 public:
  std::string_view name() const override { return "no-scheduler-error"; }
  std::string_view help() const override { return kHelp; }

  void visit(const RecordView& view) override {
    lockups_.visit(view);
    if (view.record.isSchedulerAttempted()) {
      auto scheduler = view.record.getSchedulerAttempted();
      names_[scheduler.getId()] = chars(scheduler.getName());
    } else if (view.record.isSchedulerAttached()) {
      attached(view.seq, view.record.getSchedulerAttached());
    } else if (view.record.isSchedulerExited()) {
      ended(view.seq, view.record.getSchedulerExited(), "exited");
    } else if (view.record.isSchedulerEnableFailed()) {
      ended(view.seq, view.record.getSchedulerEnableFailed(), "was not enabled");
    } else if (view.record.isFreezeBegan()) {
      ejections_.froze(view.seq, view.record.getFreezeBegan());
    } else if (view.record.isSample() && chars(view.record.getSample().getName()) == kEnableCount &&
               view.record.getSample().getValue().isU64()) {
      counted_ = {view.seq, view.record.getSample().getValue().getU64()};
    }
  }

  void finish(TapeState) override {
    for (const auto& [id, seq] : attached_) {
      // An empty name for an id that no record names, which is a truncated tape.
      const std::string who = in_quotes(names_[id]);
      // A scheduler without its exit: a freeze at its ejection tells as much.
      if (const Ejections::Ejection* ejection = ejections_.of(names_[id])) {
        violate(ejection->seq,
                fmt::format("scheduler {} was being ejected, {}", who, ejection->said));
      } else {
        leave_undecided(seq, fmt::format("the exit of scheduler {} is not on the tape", who));
      }
    }
    if (counted_ && counted_->second != enables_) {
      leave_undecided(counted_->first,
                      fmt::format("the kernel counts {} enabled schedulers, the tape has {}",
                                  counted_->second, enables_));
    }
    if (const std::string hidden = lockups_.hidden_text(); !hidden.empty()) note(Seq(0), hidden);
    if (names_.empty() && !any_exit_) leave_undecided(Seq(0), "no scheduler was attached");
  }

 private:
  void attached(Seq seq, schema::SchedulerAttached::Reader scheduler) {
    names_[scheduler.getId()] = chars(scheduler.getName());
    attached_[scheduler.getId()] = seq;
    // The kernel counts root schedulers only.
    enables_ += scheduler.getParent() == 0;
  }

  void ended(Seq seq, schema::SchedulerExited::Reader exit, const char* how) {
    any_exit_ = true;
    attached_.erase(exit.getId());
    auto known = names_.find(exit.getId());
    const std::string who =
        known == names_.end() ? std::to_string(exit.getId()) : in_quotes(known->second);
    // The freeze that announced the ejection has found its end; it is judged by the exit itself.
    if (known != names_.end()) ejections_.ended(known->second);
    std::string text = with_reasons(fmt::format("scheduler {} {}, {}", who, how,
                                                exit_words(exit.getKind(), exit.getExitCode())),
                                    exit);
    if (is_error_exit(exit.getKind())) {
      violate(seq, std::move(text));
    } else {
      confirm(seq, std::move(text));
    }
  }

  LockupCoverage lockups_;
  std::map<uint32_t, std::string> names_;  // by id
  std::map<uint32_t, Seq> attached_;       // by id, those that have not exited yet
  Ejections ejections_;
  std::optional<std::pair<Seq, uint64_t>> counted_;  // by the kernel
  uint64_t enables_ = 0;                             // of root schedulers, on the tape
  bool any_exit_ = false;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<NoSchedulerError>(); }

}  // namespace ktape
