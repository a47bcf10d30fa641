// SPDX-License-Identifier: Apache-2.0

// run-completed: the run ended by itself, without an error.

#include <fmt/format.h>

#include <optional>

#include "analyzers/assertion.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    R"(Asserts that the run completed: no watchdog fired, the guest did not panic or vanish, the
agent reported that it is done with exit code 0, and the tape was sealed.

Notes an oops, a BUG or a warning that the guest survived. Fails for a timeout, a panic, a
guest that ended without notice, or a step that failed. Inconclusive if the recording side
failed: the machine or the recorder was lost, the host could not continue, or the user
interrupted the run. That says nothing about the kernel.)";

constexpr size_t kMaxLineBytes = 200;

const char* outcome_text(schema::Outcome outcome) {
  switch (outcome) {
    case schema::Outcome::NOT_SAID: return "the tape does not say how the run ended";
    case schema::Outcome::COMPLETED: return "the run completed";
    case schema::Outcome::SCENARIO_FAILED: return "a step of the scenario failed";
    case schema::Outcome::GUEST_PANICKED: return "the guest panicked";
    case schema::Outcome::RUN_TIMED_OUT: return "the run watchdog ended the run";
    case schema::Outcome::BOOT_TIMED_OUT: return "the guest did not boot in time";
    case schema::Outcome::MACHINE_LOST: return "the machine was lost";
    case schema::Outcome::GUEST_EXITED: return "the guest ended before the agent was done";
    case schema::Outcome::INTERRUPTED: return "the run was interrupted by the user";
    case schema::Outcome::HOST_FAILED: return "the host could not continue";
    case schema::Outcome::TRUNCATED: return "the recorder died; what it left was salvaged";
    case schema::Outcome::PROTOCOL_BROKEN: return "the agent sent data that the host cannot parse";
  }
  return "the tape has an outcome that this build does not know";
}

bool fault_of_run(schema::Outcome outcome) {
  return outcome == schema::Outcome::SCENARIO_FAILED ||
         outcome == schema::Outcome::GUEST_PANICKED || outcome == schema::Outcome::RUN_TIMED_OUT ||
         outcome == schema::Outcome::BOOT_TIMED_OUT || outcome == schema::Outcome::GUEST_EXITED;
}

// "text: detail", or just the text.
std::string with_detail(const std::string& text, capnp::Text::Reader detail) {
  return detail.size() == 0 ? text : text + ": " + printable(chars(detail));
}

class RunCompleted final : public Assertion {
 public:
  std::string_view name() const override { return "run-completed"; }
  std::string_view help() const override { return kHelp; }

  void visit(const RecordView& view) override {
    switch (view.record.which()) {
      case schema::Record::WATCHDOG_FIRED:
        return watchdog(view.seq, view.record.getWatchdogFired());
      case schema::Record::GUEST_PANICKED: return violate(view.seq, "the guest panicked");
      case schema::Record::GUEST_OOPS: return complained(view.seq, view.record.getGuestOops());
      case schema::Record::GUEST_EXITED: return exited(view.seq, view.record.getGuestExited());
      case schema::Record::STEP_FINISHED: return step(view.seq, view.record.getStepFinished());
      case schema::Record::MACHINE_LOST:
        return leave_undecided(view.seq, with_detail("the machine was lost",
                                                     view.record.getMachineLost().getReason()));
      case schema::Record::SEALED: return sealed(view.seq, view.record.getSealed());
      default: return;
    }
  }

  void finish(TapeState) override {
    if (!sealed_)
      leave_undecided(Seq(0), "the tape was never sealed: its recorder died or is still running");
    if (sealed_ && !exit_seen_ && violated().empty()) {
      leave_undecided(Seq(0), "the tape has no record of the agent's end");
    }
  }

 private:
  void watchdog(Seq seq, schema::WatchdogFired::Reader fired) {
    std::string text = fmt::format("the {} watchdog fired after {} ms",
                                   printable(chars(fired.getName())), fired.getLimitMs());
    violate(seq, with_detail(text, fired.getDetail()));
  }

  // The run continued, and the kernel's complaint may be what the run is about: it is noted, not
  // judged.
  void complained(Seq seq, schema::GuestOops::Reader oops) {
    const std::string_view text = chars(oops.getText());
    std::string_view line = text.substr(0, text.find('\n'));
    // The line after the cut says what happened.
    if (line.find("[ cut here ]") != std::string_view::npos && line.size() < text.size()) {
      line = text.substr(line.size() + 1);
      line = line.substr(0, line.find('\n'));
    }
    note(seq, fmt::format("the kernel complained: {}", printable(line.substr(0, kMaxLineBytes))));
  }

  void exited(Seq seq, schema::GuestExited::Reader exit) {
    exit_seen_ = true;
    // Without its "done" the host may have ended the guest, so the outcome decides.
    if (!exit.getExplicitDone()) return note(seq, "the guest ended before the agent was done");
    if (exit.getExitCode() == 0) return confirm(seq, "the agent is done, exit code 0");
    violate(seq, with_detail(fmt::format("the agent is done, exit code {}", exit.getExitCode()),
                             exit.getDetail()));
  }

  void step(Seq seq, schema::StepFinished::Reader step) {
    if (step.getOk()) return;
    violate(seq, with_detail(fmt::format("step {} failed", step.getStep()), step.getDetail()));
  }

  void sealed(Seq seq, schema::Sealed::Reader sealed) {
    sealed_ = true;
    std::string text = with_detail(outcome_text(sealed.getOutcome()), sealed.getDetail());
    if (fault_of_run(sealed.getOutcome())) return violate(seq, text);
    if (sealed.getOutcome() != schema::Outcome::COMPLETED) return leave_undecided(seq, text);
    if (sealed.getExitCode() != 0) {
      return violate(seq, fmt::format("{}, exit code {}", text, sealed.getExitCode()));
    }
    confirm(seq, text + ", and the tape was sealed");
  }

  bool sealed_ = false;
  bool exit_seen_ = false;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<RunCompleted>(); }

}  // namespace ktape
