// SPDX-License-Identifier: Apache-2.0

// no-scheduler-error: no scheduler was thrown out by the kernel or gave up.

#include <fmt/format.h>

#include <map>

#include "analyzers/assertion.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    "Asserts that no scheduler exited with an error: a stall, a runtime error, an scx_bpf_error(). Cites "
    "the\n"
    "kernel's reason and message.\n"
    "\n"
    "Inconclusive where no scheduler was attached, and where one is not known to have exited.";

// enum scx_exit_kind, kernel/sched/ext.c (ext_internal.h since 6.18): kinds below are orderly exits, from
// here on errors. BPF schedulers and their user space are built against these values.
constexpr uint64_t kFirstErrorKind = 1024;  // SCX_EXIT_ERROR

class NoSchedulerError final : public Assertion {
 public:
  std::string_view name() const override { return "no-scheduler-error"; }
  std::string_view help() const override { return kHelp; }

  void visit(const RecordView& view) override {
    if (view.record.isSchedulerAttached()) {
      auto scheduler = view.record.getSchedulerAttached();
      names_[scheduler.getId()] = in_quotes(chars(scheduler.getName()));
      attached_[scheduler.getId()] = view.seq;
    } else if (view.record.isSchedulerExited()) {
      exited(view.seq, view.record.getSchedulerExited());
    }
  }

  void finish(TapeState) override {
    for (const auto& [id, seq] : attached_) {
      leave_undecided(seq, fmt::format("scheduler {} is not known to have exited", names_[id]));
    }
    if (names_.empty() && !any_exit_) leave_undecided(Seq(0), "no scheduler was attached");
  }

 private:
  void exited(Seq seq, schema::SchedulerExited::Reader exit) {
    any_exit_ = true;
    attached_.erase(exit.getId());
    auto known = names_.find(exit.getId());
    std::string who = known == names_.end() ? fmt::format("{}", exit.getId()) : known->second;
    std::string text = fmt::format("scheduler {} exited, kind {}", who, exit.getKind());
    if (exit.getReason().size() > 0) text += ": " + printable(chars(exit.getReason()));
    if (exit.getMessage().size() > 0) text += " (" + printable(chars(exit.getMessage())) + ")";
    if (exit.getKind() >= kFirstErrorKind) {
      violate(seq, text);
    } else {
      confirm(seq, text);
    }
  }

  std::map<uint32_t, std::string> names_;  // by id
  std::map<uint32_t, Seq> attached_;       // by id, those that have not exited
  bool any_exit_ = false;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<NoSchedulerError>(); }

}  // namespace ktape
