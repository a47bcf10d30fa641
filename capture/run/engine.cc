// SPDX-License-Identifier: Apache-2.0
#include "capture/run/engine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "capture/io/descriptors.h"
#include "capture/record/kernel_record.h"
#include "schema/base/file.h"
#include "schema/base/text.h"
#include "schema/terms/lockups.h"
#include "schema/terms/scheduler_exit.h"
#include "schema/terms/tcg_fault.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

using namespace std::chrono_literals;

// How often the live line is updated.
constexpr auto kTick = 200ms;
// A lost machine has a finite number of events left. This bounds a machine that is not lost after
// all.
constexpr int kMaxLastTurns = 1'000'000;
// How much of a name given by the guest is shown in messages.
constexpr size_t kNameBytes = 200;

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Engine::Engine(Machine& machine, Recorder& recorder, Progress& progress,
               std::shared_ptr<const KernelKnowledge> knowledge, schema::Scenario::Reader scenario,
               schema::MemoryMode memory, FreezePlan freezes, const Digest& program)
    : machine_(machine),
      recorder_(recorder),
      progress_(progress),
      knowledge_(std::move(knowledge)),
      scenario_(scenario),
      agent_(machine),
      server_(machine, recorder, agent_, memory),
      host_freezes_(server_, breakpoints_, recorder, progress, std::move(freezes)),
      schedulers_(machine.live_memory(), recorder, progress, program),
      console_(machine, recorder, progress) {}

Result<RunEnd> Engine::run(const UserSignals& signals) {
  began_ = last_heard_ = Clock::now();
  // If the host starves a boot, this reading and the last one are the only evidence.
  KTAPE_TRY(server_.freezer().sample_while_running());
  KTAPE_ASSIGN(const UniqueFd wake, any_of({signals.end_fd, signals.freeze_fd}));
  while (!end_) {
    // The earliest of everything that is due; kTick keeps the live line moving.
    Result<void> handled = turn(std::min({deadline(), host_freezes_.due(), server_.due(),
                                          schedulers_.due(), Clock::now() + kTick}),
                                wake.get());
    // A guest that never stops sending must not delay its deadline or the user's signals.
    if (handled.ok() && !end_) handled = on_signals(signals);
    if (handled.ok() && !end_) handled = host_freezes_.on_time();
    if (handled.ok() && !end_) handled = server_.on_time();
    if (handled.ok()) handled = update_schedulers();
    if (handled.ok() && !end_) handled = on_silence();
    // From here on a failure has become an outcome, so the loop ends by itself.
    if (!handled.ok()) KTAPE_TRY(on_failure(handled.error()));
    // Checked again: time frozen meanwhile has moved the deadline.
    if (!end_ && Clock::now() >= deadline()) KTAPE_TRY(on_deadline());
    // One commit per turn: whatever the turn recorded is one group, and is never split by a crash.
    KTAPE_TRY(recorder_.commit());
    // After the commit, since the size is known only then.
    if (!end_ && recorder_.is_full()) KTAPE_TRY(on_full_tape());
    show_now();
  }
  // Before the machine is ended: exits are read from its memory.
  KTAPE_TRY(schedulers_.record_unfinished());
  // After the guest has powered off there is nothing left to read; that was done when its agent was
  // done.
  if (!done_) KTAPE_TRY(server_.freezer().sample_while_running());
  // The console's last bytes arrive with the end, so its ending is recorded after this.
  machine_.end();
  KTAPE_TRY(record_ending());
  return *end_;
}

Result<void> Engine::record_ending() {
  // Cut off, or received after the run had ended.
  if (const size_t bytes = agent_.unfinished_bytes(); bytes > 0)
    recorder_.lose("agent_bytes", "bytes from the agent that were never part of a handled message",
                   bytes);
  KTAPE_TRY(console_.finish());
  host_freezes_.steps_ended();
  if (const uint64_t stuck = machine_.facts().not_stepped; stuck > 0)
    recorder_.lose("breakpoint_steps",
                   "vCPUs that could not be stepped past a breakpoint; their hits count twice",
                   stuck);
  end_->triggers = host_freezes_.counts();
  end_->intervals = host_freezes_.intervals();
  end_->ejections = schedulers_.ejections();
  end_->ejections_left_out = schedulers_.ejections_left_out();
  end_->ejections.insert(end_->ejections.end(), ejections_.begin(), ejections_.end());
  // The guest reports the exit of ktape's own scheduler only after the kernel has completed it.
  if (own_scheduler_ && end_->ejections.empty() && !host_freezes_.scheduler_error().empty())
    end_->ejections.push_back(in_quotes(*own_scheduler_) +
                              " was being ejected: " + printable(host_freezes_.scheduler_error()));
  return {};
}

// Takes one message at a time: a guest that sends many at once must not delay its deadline or the
// user's signals.
Result<void> Engine::turn(Clock::time_point until, int wake_fd) {
  KTAPE_ASSIGN(const bool had_message, take_message());
  if (had_message) return {};
  KTAPE_ASSIGN(const MachineEvent event, machine_.wait(until, wake_fd));
  // A guest that only receives wake-ups is silent.
  const bool silent =
      event.kind == MachineEventKind::kNothing || event.kind == MachineEventKind::kWoken;
  if (!silent) last_heard_ = Clock::now();
  return handle(event);
}

Result<bool> Engine::take_message() {
  return agent_.next([this](schema::FromAgent::Reader message) { return on_message(message); });
}

Result<void> Engine::handle(const MachineEvent& event) {
  switch (event.kind) {
    case MachineEventKind::kNothing: return {};
    case MachineEventKind::kAgentBytes: {
      agent_.feed(event.bytes);
      const Result<bool> taken = take_message();
      return taken.ok() ? Result<void>() : Result<void>(taken.error());
    }
    case MachineEventKind::kConsoleBytes: return on_console(event.bytes);
    // Nobody asked for it: QEMU stopped the machine, e.g. for an I/O error.
    case MachineEventKind::kStopped: return on_lost("the machine stopped by itself: " + event.text);
    case MachineEventKind::kEnded: return on_ended();
    case MachineEventKind::kLost: return on_lost(event.text);
    case MachineEventKind::kBreakpoint: {
      // The scheduler watch needs to know whether vCPUs at a breakpoint will step on.
      at_breakpoint_ = true;
      Result<void> handled = host_freezes_.on_breakpoint();
      at_breakpoint_ = false;
      return handled;
    }
    case MachineEventKind::kWoken: return {};  // the caller checks its descriptors
  }
  return {};
}

Result<void> Engine::on_signals(const UserSignals& signals) {
  if (is_readable(signals.end_fd)) {
    // A signal asked for the end; the guest is not waited for.
    end(schema::Outcome::INTERRUPTED, "ended by a signal while " + waiting_for());
    return {};
  }
  if (!is_readable(signals.freeze_fd)) return {};
  std::array<std::byte, 1024> signalled{};  // signals that arrive together are one request
  if (::read(signals.freeze_fd, signalled.data(), signalled.size()) < 0 && errno != EAGAIN &&
      errno != EINTR)
    return system_error(ErrorCode::kHost, "cannot read the pending signals");
  return host_freezes_.on_demand();
}

Result<void> Engine::on_message(schema::FromAgent::Reader message) {
  const GuestNs guest(message.getGuestNs());
  agent_heard_ = Clock::now();
  auto record = [&](auto fill) { return recorder_.record_at(recorder_.now(), guest, fill); };
  using Which = schema::FromAgent::Which;
  // DONE, too: an agent that cannot even say hello ends like that. A REQUEST is deferred by the
  // server.
  if (phase_ == Phase::kBooting && message.which() != Which::HELLO &&
      message.which() != Which::REQUEST && message.which() != Which::DONE) {
    return Error{ErrorCode::kBadInput, "the agent sent another message before its hello", ""};
  }
  switch (message.which()) {
    case Which::HELLO: return on_hello(message.getHello(), guest);
    case Which::REQUEST: return server_.request(message.getRequest(), guest);
    case Which::SCHEDULER_ATTACHED:
      return on_scheduler_attached(message.getSchedulerAttached(), guest);
    case Which::SCHEDULER_STATE: return schedulers_.on_state(message.getSchedulerState(), guest);
    case Which::SCHEDULER_OUTPUT:
      if (const uint64_t lost = message.getSchedulerOutput().getLostBytes(); lost > 0) {
        recorder_.lose("scheduler_output_bytes",
                       "bytes of the scheduler's output that were left out", lost);
      }
      return record(
          [&](schema::Record::Builder r) { r.setSchedulerOutput(message.getSchedulerOutput()); });
    case Which::SCHEDULER_EXITED: return on_scheduler_exited(message.getSchedulerExited(), guest);
    case Which::WORKER_STARTED:
      host_freezes_.worker_started(message.getWorkerStarted());
      return record(
          [&](schema::Record::Builder r) { r.setWorkerStarted(message.getWorkerStarted()); });
    case Which::WORKER_REPORT:
      return record(
          [&](schema::Record::Builder r) { r.setWorkerReport(message.getWorkerReport()); });
    case Which::STEP_STARTED:
      // Recorded before triggers are armed and before the agent may go on.
      KTAPE_TRY(
          record([&](schema::Record::Builder r) { r.setStepStarted(message.getStepStarted()); }));
      KTAPE_TRY(server_.freezer().sample_while_running());
      return on_step_started(message.getStepStarted());
    case Which::STEP_FINISHED: {
      auto from = message.getStepFinished();
      // Before it is recorded, which may fail.
      if (!from.getOk())
        progress_.say(fmt::format("step '{}' failed: {}", step_name_, from.getDetail().cStr()));
      step_name_.clear();
      KTAPE_TRY(record([&](schema::Record::Builder r) { r.setStepFinished(from); }));
      return server_.freezer().sample_while_running();
    }
    case Which::DONE: return on_done(message.getDone(), guest);
    case Which::FACTS:
      return record([&](schema::Record::Builder r) { r.setGuestFacts(message.getFacts()); });
    case Which::UNKNOWN: break;
  }
  return Error{ErrorCode::kBadInput,
               fmt::format("the agent sent a message of unknown kind {}",
                           static_cast<unsigned>(message.which())),
               ""};
}

Result<void> Engine::on_hello(schema::Hello::Reader hello, GuestNs guest) {
  // Recorded even if it is refused: the tape then shows what the agent said.
  KTAPE_TRY(recorder_.record_at(recorder_.now(), guest, [&](schema::Record::Builder r) {
    r.setGuestHello(hello.getGuest());
  }));
  if (phase_ != Phase::kBooting)
    return Error{ErrorCode::kBadInput, "the agent sent hello twice", ""};
  if (hello.getProtocol() != schema::PROTOCOL_VERSION) {
    return Error{ErrorCode::kBadInput,
                 fmt::format("the agent speaks protocol {}, expected {}", hello.getProtocol(),
                             schema::PROTOCOL_VERSION),
                 ""};
  }
  phase_ = Phase::kPreparing;
  progress_.say(fmt::format("booted {}", as_text(hello.getGuest().getRelease())));
  // The kernel is adopted before the scenario is sent, so requests are rarely deferred.
  KTAPE_TRY(adopt());
  return agent_.send([&](schema::FromHost::Builder message) { message.setScenario(scenario_); });
}

Result<void> Engine::adopt() {
  Clock::time_point start = Clock::now();
  // The kernel's text, constants and boot-time tables no longer change, so no freeze is needed.
  Result<Kernel> kernel = Kernel::adopt(knowledge_, machine_.live_memory());
  if (!kernel.ok()) {
    progress_.say("cannot adopt the kernel: " + kernel.error().message);
    // The run goes on: what the guest reports is worth having, and each request gets this error as
    // its reply.
    return server_.adoption_failed(kernel.error());
  }
  lockups_ = read_lockup_thresholds(*kernel, machine_.live_memory());
  KTAPE_TRY(record_kernel(*knowledge_, *kernel, lockups_, Clock::now() - start, recorder_));
  warn_of_hidden_lockups();
  // The server first: triggers ask it for the kernel.
  KTAPE_TRY(server_.adopted(std::move(kernel).value()));
  KTAPE_TRY(host_freezes_.adopted());
  return scenario_.getScheduler().isExternal() ? watch_schedulers() : Result<void>();
}

void Engine::warn_of_hidden_lockups() {
  if (machine_.facts().accelerator_used != Accelerator::kKvm || host_freezes_.every().count() == 0)
    return;
  const auto every_ms = static_cast<uint64_t>(host_freezes_.every().count());
  const std::string hidden =
      lockups_later_than(every_ms, lockups_.soft_lockup_ms, lockups_.rcu_stall_ms);
  if (hidden.empty()) return;
  progress_.say(fmt::format(
      "under KVM each freeze resets the guest's lockup detectors: with a freeze every {} ms "
      "the kernel will not report {}",
      every_ms, hidden));
}

Result<void> Engine::watch_schedulers() {
  schedulers_.adopted(*server_.kernel());
  // At every stop, whoever caused it: an enable that fails at once may be visible in that stop
  // only.
  server_.freezer().observe([this](StoppedMachine& at) {
    if (at.registers.ok()) schedulers_.observe(at.frozen.memory(), *at.registers, at_breakpoint_);
  });
  KTAPE_ASSIGN(StoppedMachine at, server_.freezer().stop());
  schedulers_.arm(at.frozen, breakpoints_);
  return server_.freezer().resume(std::move(at));
}

Result<void> Engine::on_scheduler_attached(schema::SchedulerAttached::Reader scheduler,
                                           GuestNs guest) {
  own_scheduler_ = std::string(as_text(scheduler.getName())).substr(0, kNameBytes);
  progress_.say(fmt::format("scheduler {} attached", in_quotes(*own_scheduler_)));
  KTAPE_TRY(recorder_.record_at(recorder_.now(), guest, [&](schema::Record::Builder record) {
    record.setSchedulerAttached(scheduler);
  }));
  return host_freezes_.scheduler_attached();
}

Result<void> Engine::on_scheduler_exited(schema::SchedulerExited::Reader exited, GuestNs guest) {
  progress_.say(fmt::format("scheduler exited: {}, {}",
                            exit_words(exited.getKind(), exited.getExitCode()),
                            printable(as_text(exited.getReason()))));
  // Once: the agent has one scheduler, and a hostile one could report many exits.
  if (is_error_exit(exited.getKind()) && ejections_.empty())
    ejections_.push_back(ejection_words(own_scheduler_.value_or(""), as_text(exited.getReason()),
                                        as_text(exited.getMessage())));
  return recorder_.record_at(recorder_.now(), guest, [&](schema::Record::Builder record) {
    record.setSchedulerExited(exited);
  });
}

// The agent waits for the result of its scheduler's enable, and does not end the guest before the
// exits are on the tape.
Result<void> Engine::update_schedulers() {
  KTAPE_TRY(schedulers_.update());
  if (schedulers_.has_attached()) KTAPE_TRY(host_freezes_.scheduler_attached());
  for (const SchedulerNews& news : schedulers_.take_news()) {
    // On the tape before the agent hears of it, because it acts on it.
    KTAPE_TRY(recorder_.commit());
    KTAPE_TRY(agent_.send([&](schema::FromHost::Builder message) {
      auto to = message.initSchedulerNews();
      to.setName(as_data(news.name));
      to.setAttached(news.attached);
      to.setWhy(as_data(news.why));
    }));
  }
  if (!schedulers_.take_settled()) return {};
  KTAPE_TRY(recorder_.commit());
  return agent_.send([](schema::FromHost::Builder message) { message.setSchedulersSettled(); });
}

Result<void> Engine::on_step_started(schema::StepStarted::Reader step) {
  // Later steps do not begin the watchdog again.
  if (phase_ == Phase::kPreparing) {
    phase_ = Phase::kStepping;
    first_step_ = Clock::now();
    // The time frozen before counts for the boot deadline.
    frozen_before_ = server_.freezer().frozen_time();
  }
  // Armed before the agent is told that it may begin: its first action may be what a trigger waits
  // for.
  KTAPE_TRY(host_freezes_.step_started(step.getStep()));
  step_name_ = std::string(step.getName().cStr()).substr(0, kNameBytes);
  progress_.say(fmt::format("step {} of {}: {}", step.getStep() + 1, scenario_.getSteps().size(),
                            step_name_));
  return agent_.send(
      [&](schema::FromHost::Builder message) { message.setStepReady(step.getStep()); });
}

// The agent powers off after the host has confirmed that its last message is on the tape, so no
// freeze can come in between.
Result<void> Engine::on_done(schema::GuestExited::Reader done, GuestNs guest) {
  // While the guest still stands: the count is in its memory.
  if (server_.kernel() != nullptr && !scenario_.getScheduler().isNone())
    KTAPE_TRY(record_enable_count(*server_.kernel(), machine_.live_memory(), recorder_));
  KTAPE_TRY(recorder_.record_at(recorder_.now(), guest, [&](schema::Record::Builder record) {
    record.setGuestExited(done);
  }));
  KTAPE_TRY(server_.freezer().sample_while_running());
  // Otherwise it could postpone its end forever.
  if (done_) return Error{ErrorCode::kBadInput, "the agent sent done twice", ""};
  const bool good = done.getExplicitDone() && done.getExitCode() == 0;
  // The outcome is decided by the agent's report; end_ is set when the guest has ended.
  done_ = RunEnd{good ? schema::Outcome::COMPLETED : schema::Outcome::SCENARIO_FAILED,
                 done.getExitCode(),
                 done.getDetail().cStr(),
                 {},
                 {}};
  phase_ = Phase::kDone;
  // A freeze while the guest powers off would only delay it.
  host_freezes_.steps_ended();
  last_words_ = Clock::now();
  KTAPE_TRY(recorder_.commit());
  return agent_.send([](schema::FromHost::Builder message) { message.setDoneHeard(); });
}

Result<void> Engine::on_console(std::span<const std::byte> bytes) {
  KTAPE_TRY(console_.feed(bytes));
  if (console_.panicked() && !std::exchange(heard_panic_, true)) {
    host_freezes_.steps_ended();
    // A panicked guest may hang instead of resetting; the deadline is moved up.
    last_words_ = Clock::now();
  }
  return {};
}

// The machine delivers all console bytes before its end event, so a panic has been seen by now.
Result<void> Engine::on_ended() {
  if (console_.panicked()) {
    end(schema::Outcome::GUEST_PANICKED,
        console_.panic_line() +
            (console_.emulators_fault() ? std::string("; ") + kPatchingFault : ""));
  } else if (done_) {
    // The scenario's result stands, whatever the guest did after it was reported.
    end_ = done_;
  } else {
    end(schema::Outcome::GUEST_EXITED,
        "the guest ended before the agent was done, while " + waiting_for());
  }
  return {};
}

// On any failure the run ends here and its tape is sealed. If the tape cannot be written, the next
// commit fails.
Result<void> Engine::on_failure(const Error& error) {
  if (error.code == ErrorCode::kMachineLost) return hear_last_words(error.message);
  // The agent broke the protocol, or sent what cannot be decoded.
  if (error.code == ErrorCode::kBadInput) return protocol_violation(error);
  progress_.say("host failed: " + error.message);
  end(schema::Outcome::HOST_FAILED, error.message);
  return {};
}

// Handles events that arrived before the machine was found lost: the guest may have announced its
// end.
Result<void> Engine::hear_last_words(const std::string& reason) {
  for (int turns = 0; !end_ && turns < kMaxLastTurns; ++turns) {
    const Result<bool> had_message = take_message();
    Result<void> handled = had_message.ok() ? Result<void>() : Result<void>(had_message.error());
    if (had_message.ok() && !*had_message) {
      // Without waiting: only what is there already.
      const Result<MachineEvent> event = machine_.wait(Clock::now(), -1);
      if (!event.ok() || event->kind == MachineEventKind::kNothing) break;
      handled = handle(*event);
    }
    // Pending requests cannot be served any more. The machine being lost is known; any other
    // failure is a better outcome than that.
    if (!handled.ok() && handled.error().code != ErrorCode::kMachineLost)
      return on_failure(handled.error());
  }
  return end_ ? Result<void>() : on_lost(reason);
}

Result<void> Engine::on_lost(const std::string& reason) {
  KTAPE_TRY(recorder_.record(
      [&](schema::Record::Builder record) { record.initMachineLost().setReason(reason); }));
  progress_.say("machine lost: " + reason);
  end(schema::Outcome::MACHINE_LOST, reason);
  return {};
}

Result<void> Engine::on_full_tape() {
  const std::string detail =
      fmt::format("the tape has reached its limit of {} MB; raise it with --max-tape",
                  recorder_.most_tape_bytes() / 1000000);
  progress_.say(detail);
  end(schema::Outcome::HOST_FAILED, detail);
  return {};
}

// A guest that breaks the protocol ends its run: its later messages could not be trusted.
Result<void> Engine::protocol_violation(const Error& error) {
  progress_.say("the agent broke the protocol: " + error.message);
  end(schema::Outcome::PROTOCOL_BROKEN, error.message);
  return {};
}

void Engine::end(schema::Outcome outcome, const std::string& detail) {
  // The agent's exit code stays on the tape even if the run ended otherwise.
  end_ = RunEnd{outcome, done_ ? done_->exit_code : -1, detail, {}, {}};
}

void Engine::show_now() {
  switch (phase_) {
    case Phase::kBooting: progress_.now("booting: " + console_.last_line().substr(0, 60)); break;
    case Phase::kPreparing: progress_.now("preparing"); break;
    case Phase::kStepping:
      progress_.now(fmt::format("{}, {} requests, {} freezes, {:.1f} ms frozen", waiting_for(),
                                server_.requests(), server_.freezer().freezes(),
                                seconds(server_.freezer().frozen_time()) * 1000));
      break;
    case Phase::kDone: progress_.now("powering off"); break;
  }
}

}  // namespace ktape
