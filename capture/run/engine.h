// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "capture/freeze/host_freezes.h"
#include "capture/freeze/request_server.h"
#include "capture/record/console_recorder.h"
#include "capture/record/recorder.h"
#include "capture/run/agent_channel.h"
#include "capture/run/progress.h"
#include "capture/run/scheduler_watch.h"
#include "guest/kernel/guest_clock.h"
#include "guest/kernel/kernel.h"
#include "guest/machine/machine.h"
#include "schema/base/result.h"
#include "schema/record.capnp.h"
#include "schema/scenario.capnp.h"

namespace ktape {

// How a run ended: what its tape is sealed with.
struct RunEnd {
  schema::Outcome outcome = schema::Outcome::NOT_SAID;
  int32_t exit_code = -1;  // the agent's; -1: it never said
  std::string detail;
  std::vector<TriggerCount> triggers;       // one for each that was planned
  std::optional<IntervalCounts> intervals;  // where some were planned
  // Schedulers that the kernel threw out, as ejection_words() puts it.
  std::vector<std::string> ejections;
  uint64_t ejections_left_out = 0;  // beside those
};

// How a user reaches a run: descriptors, or -1.
struct UserSignals {
  int end_fd = -1;     // becomes readable, and stays so, when the run is to end
  int freeze_fd = -1;  // becomes readable when a freeze is wanted; the engine reads it empty
};

// Drives one run on a machine that was just started: hands the scenario to the agent, serves its
// requests, records all that happens, enforces the deadlines. One thread; the machine is its only
// source of events.
class Engine {
 public:
  // All arguments outlive the engine. `memory`: what to keep of the guest's memory at each freeze;
  // `program`: the digest of an external scheduler's executable.
  Engine(Machine& machine, Recorder& recorder, Progress& progress,
         std::shared_ptr<const KernelKnowledge> knowledge, schema::Scenario::Reader scenario,
         schema::MemoryMode memory, FreezePlan freezes = {}, const Digest& program = {});

  // Runs to the end; the machine is gone afterwards. An error only when the tape cannot be written.
  Result<RunEnd> run(const UserSignals& signals);

 private:
  using Clock = Machine::Clock;
  enum class Phase { kBooting, kPreparing, kStepping, kDone };

  // The next message that has come, or else the next event; waits for one until `until`.
  Result<void> turn(Clock::time_point until, int wake_fd);
  // False when none has come whole.
  Result<bool> take_message();
  Result<void> handle(const MachineEvent& event);
  Result<void> on_message(schema::FromAgent::Reader message);
  Result<void> on_hello(schema::Hello::Reader hello, GuestNs guest);
  Result<void> on_scheduler_attached(schema::SchedulerAttached::Reader scheduler, GuestNs guest);
  Result<void> on_scheduler_exited(schema::SchedulerExited::Reader exited, GuestNs guest);
  Result<void> look_at_schedulers();
  Result<void> on_step_started(schema::StepStarted::Reader step);
  Result<void> on_done(schema::GuestExited::Reader done, GuestNs guest);
  Result<void> on_console(std::span<const std::byte> bytes);
  Result<void> on_ended();
  Result<void> on_failure(const Error& error);
  Result<void> on_lost(const std::string& reason);
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
  std::chrono::nanoseconds frozen_before_{0};  // the first step
  Clock::time_point last_words_;               // done or panic: the guest should end by itself soon
  Clock::time_point last_heard_;               // when the machine last showed life
  Clock::time_point agent_heard_;
  std::optional<std::string> own_scheduler_;  // the name of ktape's own, once it is attached
  std::vector<std::string> ejections_;        // of it
  std::string step_name_;                     // empty between steps and after the last one
  bool heard_panic_ = false;
  bool at_breakpoint_ = false;  // a breakpoint stopped the machine, and that is being handled
  std::optional<RunEnd> done_;  // what the agent said
  std::optional<RunEnd> end_;
};

}  // namespace ktape
