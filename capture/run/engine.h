// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "capture/freeze/host_freezes.h"
#include "capture/freeze/request_server.h"
#include "capture/io/agent_channel.h"
#include "capture/io/progress.h"
#include "capture/record/console_recorder.h"
#include "capture/record/recorder.h"
#include "capture/run/scheduler_watch.h"
#include "guest/kernel/guest_clock.h"
#include "guest/kernel/kernel.h"
#include "guest/machine/machine.h"
#include "schema/base/result.h"
#include "schema/record.capnp.h"
#include "schema/scenario.capnp.h"

namespace ktape {

// How a run ended. The tape is sealed with it.
struct RunEnd {
  schema::Outcome outcome = schema::Outcome::NOT_SAID;
  int32_t exit_code = -1;  // the agent's; -1: it reported none
  std::string detail;
  std::vector<TriggerCount> triggers;       // one for each planned trigger
  std::optional<IntervalCounts> intervals;  // if intervals were planned
  // Schedulers that the kernel ejected, as worded by ejection_words().
  std::vector<std::string> ejections;
  uint64_t ejections_left_out = 0;  // not counting `ejections`
};

// Descriptors through which a user controls a run; -1: none.
struct UserSignals {
  int end_fd = -1;     // becomes and stays readable when the run is to end
  int freeze_fd = -1;  // becomes readable when a freeze is requested; the engine drains it
};

// Drives one run on a machine that was just started: sends the scenario to the agent, serves its
// requests, records everything, and enforces the deadlines. Single-threaded; all events come from
// the machine.
class Engine {
 public:
  // All arguments outlive the engine. `memory`: what to keep of the guest's memory at each freeze;
  // `program`: digest of the external scheduler's executable.
  Engine(Machine& machine, Recorder& recorder, Progress& progress,
         std::shared_ptr<const KernelKnowledge> knowledge, schema::Scenario::Reader scenario,
         schema::MemoryMode memory, FreezePlan freezes = {}, const Digest& program = {});

  // Runs to the end and ends the machine. Fails only if the tape cannot be written.
  Result<RunEnd> run(const UserSignals& signals);

 private:
  using Clock = Machine::Clock;
  enum class Phase { kBooting, kPreparing, kStepping, kDone };

  // Handles the next message already received, or else waits for the next event until `until`. At
  // most one message or event, so that deadlines are looked at between any two.
  Result<void> turn(Clock::time_point until, int wake_fd);
  // False if no complete message is available.
  Result<bool> take_message();
  Result<void> handle(const MachineEvent& event);
  Result<void> on_message(schema::FromAgent::Reader message);
  // Adopts the kernel, then sends the scenario, so that requests are rarely deferred.
  Result<void> on_hello(schema::Hello::Reader hello, GuestNs guest);
  Result<void> on_scheduler_attached(schema::SchedulerAttached::Reader scheduler, GuestNs guest);
  Result<void> on_scheduler_exited(schema::SchedulerExited::Reader exited, GuestNs guest);
  // Messages to the agent are sent only after what they report is on the tape.
  Result<void> update_schedulers();
  // Arms the step's triggers, then lets the agent begin it.
  Result<void> on_step_started(schema::StepStarted::Reader step);
  // The guest is still up: it powers off once it has the answer.
  Result<void> on_done(schema::GuestExited::Reader done, GuestNs guest);
  Result<void> on_console(std::span<const std::byte> bytes);
  // A panic counts more than what the agent had reported before.
  Result<void> on_ended();
  // Turns an error into an outcome; fails only if the tape cannot be written.
  Result<void> on_failure(const Error& error);
  Result<void> on_lost(const std::string& reason);
  // Takes what arrived before the machine was found to be lost: the guest may have announced its
  // end.
  Result<void> hear_last_words(const std::string& reason);
  Result<void> on_deadline();
  Result<void> on_silence();
  Result<void> on_full_tape();
  Result<void> on_signals(const UserSignals& signals);
  Result<void> adopt();
  void warn_of_hidden_lockups();
  Result<void> watch_schedulers();
  Result<void> protocol_violation(const Error& error);
  [[nodiscard]] std::chrono::milliseconds boot_deadline() const;
  Result<void> record_ending();
  [[nodiscard]] Clock::time_point deadline() const;
  [[nodiscard]] std::string waiting_for() const;
  // Only sets the outcome: run() ends after this turn.
  void end(schema::Outcome outcome, const std::string& detail);
  void show_now();

  Machine& machine_;
  Recorder& recorder_;
  Progress& progress_;
  std::shared_ptr<const KernelKnowledge> knowledge_;
  schema::Scenario::Reader scenario_;

  AgentChannel agent_;
  RequestServer server_;
  Breakpoints breakpoints_;
  HostFreezes host_freezes_;
  SchedulerWatch schedulers_;
  ConsoleRecorder console_;
  LockupThresholds lockups_;
  Phase phase_ = Phase::kBooting;
  Clock::time_point began_;
  Clock::time_point first_step_;
  std::chrono::nanoseconds frozen_before_{0};  // until the first step began
  Clock::time_point last_words_;               // done or panic: the guest should end by itself soon
  Clock::time_point last_heard_;               // last event from the machine
  Clock::time_point agent_heard_;
  std::optional<std::string> own_scheduler_;  // name of ktape's own scheduler, once attached
  std::vector<std::string> ejections_;        // of own_scheduler_
  std::string step_name_;                     // empty between steps and after the last one
  bool heard_panic_ = false;
  bool at_breakpoint_ = false;  // handling a stop at a breakpoint
  std::optional<RunEnd> done_;  // as reported by the agent
  std::optional<RunEnd> end_;
};

}  // namespace ktape
