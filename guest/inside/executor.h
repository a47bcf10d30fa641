// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "guest/inside/base/interval_count.h"
#include "guest/inside/merge_ops.h"
#include "guest/inside/session.h"
#include "schema/base/result.h"
#include "schema/scenario.capnp.h"

namespace ktape {

// The content of `done`.
struct RunResult {
  int exit_code = 0;  // 0: every step succeeded; 1: one failed, or the host ended the run
  std::string detail;
};

// Runs one scenario: attaches its scheduler, starts its workers, runs its steps. A failed action
// fails its step, but the run continues; a wait that times out ends the run.
class Executor {
 public:
  using Log = std::function<void(const std::string&)>;

  // All of them outlive the executor, and so does the message that `scenario` reads.
  Executor(Session& session, schema::Scenario::Reader scenario, Log log)
      : session_(session), scenario_(scenario), log_(std::move(log)) {}

  // An Error does not concern the scenario's steps: the scheduler did not load, a worker did not
  // start, or the session failed. Call it once. Blocks for as long as the scenario takes; ends
  // early if the host says stop.
  [[nodiscard]] Result<RunResult> run();

 private:
  // The result of an action. `end_run`: the run cannot usefully continue.
  struct ActionResult {
    bool ok = true;
    bool end_run = false;
    std::string detail;
  };

  // An op with `every` of the current step.
  struct Series {
    uint32_t step = 0;
    ActionGroup group;
    IntervalCount intervals;
  };

  Result<void> set_up();
  Result<RunResult> run_steps();
  Result<void> run_step(uint32_t index);
  void note(const ActionResult& action);
  Result<void> begin_series(uint32_t step, const ActionGroup& group);
  // Makes one request of each series that is due.
  Result<void> take_intervals();
  std::vector<SeriesCount> end_series();
  // Waits as Session::wait() does, and makes the requests of the series that become due meanwhile.
  Result<void> pass_time(
      Clock::time_point deadline, const std::function<bool()>& until = [] { return false; });
  Result<ActionResult> act(uint32_t step, const ActionGroup& group);
  Result<ActionResult> sleep_until(Clock::time_point deadline);
  Result<ActionResult> wait_for(schema::WaitWorker::Reader wait);
  Result<ActionResult> wait_for_program(schema::WaitProgram::Reader wait);
  Result<ActionResult> signal(schema::WorkerSignal::Reader action);
  Result<ActionResult> change_policy(schema::WorkerPolicy::Reader action);
  Result<ActionResult> report(schema::WorkerFacts::Reader action);
  Result<ActionResult> panic();
  // `interval`: its number in a series; 0: it is not part of one.
  Result<ActionResult> request(uint32_t step, const ActionGroup& group, uint64_t interval);
  Result<void> fill_in_worker(schema::TaskRef::Builder task);

  Session& session_;
  schema::Scenario::Reader scenario_;
  Log log_;
  Clock::time_point end_{};  // of the scenario's duration; known once the first step begins
  uint64_t last_request_ = 0;
  ActionResult step_;           // of the current step: its first failure
  std::vector<Series> series_;  // of the current step
};

}  // namespace ktape
