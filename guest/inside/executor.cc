// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/executor.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "guest/inside/reply_problem.h"
#include "guest/inside/workers/proc_stat.h"

namespace ktape {

namespace {

constexpr uint32_t kDefaultDeadlineMs = 30'000;
// A panic stops this CPU at once; the wait is for a kernel that does not panic.
constexpr auto kPanicTakes = std::chrono::seconds(5);
constexpr auto kWorkerInterval = std::chrono::milliseconds(10);

ActionKind kind_of(schema::Action::Reader action) {
  if (!action.isOp()) return ActionKind::kOther;
  if (action.getOp().getMode() == schema::OpMode::HOT) return ActionKind::kHot;
  return action.getOp().getEntry().isWrite() ? ActionKind::kColdWrite : ActionKind::kColdRead;
}

std::vector<ActionGroup> groups_of(schema::Step::Reader step) {
  std::vector<ActionToMerge> actions;
  for (schema::Action::Reader action : step.getActions()) {
    // A default-constructed reader has the schema's defaults, which suit actions that are no ops.
    const auto op = action.isOp() ? action.getOp() : schema::ScenarioOp::Reader();
    actions.emplace_back(kind_of(action), op.getExpect().isRefused(), op.getRetryMs(),
                         op.getEvery().getMs());
  }
  return merge_ops(actions);
}

char state_letter(schema::WorkerState state) {
  switch (state) {
    case schema::WorkerState::SLEEPING: return 'S';
    case schema::WorkerState::STOPPED: return 'T';
    case schema::WorkerState::RUNNING: return 'R';
    case schema::WorkerState::ZOMBIE: return 'Z';
  }
  return '?';
}

}  // namespace

Result<RunResult> Executor::run() {
  Result<void> ready = set_up();
  Result<RunResult> result = ready ? run_steps() : Result<RunResult>(ready.error());
  // Session::end runs after a failure, too: the scheduler must be detached and its exit be on the
  // tape, whatever else happened. But the first failure is the one reported.
  Result<void> ended = session_.end();
  if (result && !ended) return ended.error();
  return result;
}

// The scheduler first, so that workers are scheduled by it from their first instruction.
Result<void> Executor::set_up() {
  if (scenario_.getScheduler().isVtime()) {
    KTAPE_TRY(session_.attach(scenario_.getScheduler().getVtime()));
    log_("scheduler attached");
  } else if (scenario_.getScheduler().isExternal()) {
    KTAPE_TRY(session_.attach(scenario_.getScheduler().getExternal()));
    log_("external scheduler attached");
  }
  for (schema::Worker::Reader worker : scenario_.getWorkers()) {
    KTAPE_TRY(session_.start_worker(worker));
    log_("worker '" + std::string(worker.getName().cStr()) + "' started");
  }
  return {};
}

Result<RunResult> Executor::run_steps() {
  RunResult result;
  // The duration counts from the first step, not from the boot.
  end_ = Clock::now() + std::chrono::milliseconds(scenario_.getDurationMs());
  for (uint32_t i = 0; i < scenario_.getSteps().size() && !session_.stopped(); ++i) {
    std::string name(scenario_.getSteps()[i].getName().cStr());
    log_("step '" + name + "'");
    KTAPE_TRY(session_.begin_step(i, name));
    if (session_.stopped()) break;
    KTAPE_TRY(run_step(i));
    KTAPE_TRY(session_.reporter().step_finished(i, step_.ok, step_.detail, end_series()));
    if (step_.ok) continue;
    log_("step '" + name + "' failed: " + step_.detail);
    if (result.exit_code == 0) result = {1, "step '" + name + "': " + step_.detail};
    if (step_.end_run) return result;
  }
  if (session_.stopped() && result.exit_code == 0) result = {1, "the host ended the run"};
  return result;
}

// The step reports its first failure; later actions still run.
Result<void> Executor::run_step(uint32_t index) {
  step_ = {};
  // The ops of a step are merged before it runs, so what shares a freeze does not depend on timing.
  for (const ActionGroup& group : groups_of(scenario_.getSteps()[index])) {
    KTAPE_ASSIGN(ActionResult action, act(index, group));
    note(action);
    // Also between actions that take no time, or only as long as their requests.
    if (!action.end_run) KTAPE_TRY(take_intervals());
    // A reply or a wait that was cut short by stop is not the action's fault.
    if (session_.stopped()) step_ = ActionResult{false, true, "the host ended the run"};
    if (step_.end_run) return {};
  }
  return {};
}

void Executor::note(const ActionResult& action) {
  if (!action.ok && step_.ok) step_ = action;
  // Also if the first failure did not end the run.
  step_.end_run = step_.end_run || action.end_run;
}

Result<void> Executor::begin_series(uint32_t step, const ActionGroup& group) {
  const auto op = scenario_.getSteps()[step].getActions()[group.first].getOp();
  const std::chrono::milliseconds every(op.getEvery().getMs());
  series_.push_back({step, group, IntervalCount(Clock::now(), every)});
  return take_intervals();
}

Result<void> Executor::take_intervals() {
  for (Series& series : series_) {
    const Clock::time_point now = Clock::now();
    if (session_.stopped() || series.intervals.due() > now) continue;
    KTAPE_ASSIGN(const ActionResult action,
                 request(series.step, series.group, series.intervals.take(now)));
    note(action);
  }
  return {};
}

std::vector<SeriesCount> Executor::end_series() {
  std::vector<SeriesCount> counts;
  for (Series& series : series_) {
    series.intervals.end(Clock::now());
    counts.push_back({series.group.first, series.intervals.taken(), series.intervals.missed()});
  }
  series_.clear();
  return counts;
}

Result<void> Executor::pass_time(Clock::time_point deadline, const std::function<bool()>& until) {
  for (;;) {
    Clock::time_point next = deadline;
    for (const Series& series : series_) next = std::min(next, series.intervals.due());
    KTAPE_TRY(session_.wait(next, until));
    if (session_.stopped() || until() || Clock::now() >= deadline) return {};
    KTAPE_TRY(take_intervals());
  }
}

Result<Executor::ActionResult> Executor::act(uint32_t step, const ActionGroup& group) {
  schema::Action::Reader action = scenario_.getSteps()[step].getActions()[group.first];
  if (action.isOp() && action.getOp().getEvery().getMs() > 0) {
    KTAPE_TRY(begin_series(step, group));
    return ActionResult{};
  }
  if (group.kind != ActionKind::kOther) return request(step, group, 0);
  switch (action.which()) {
    case schema::Action::SLEEP_MS:
      return sleep_until(Clock::now() + std::chrono::milliseconds(action.getSleepMs()));
    case schema::Action::WAIT: return wait_for(action.getWait());
    case schema::Action::HOLD: return sleep_until(end_);
    case schema::Action::PANIC: return panic();
    case schema::Action::SIGNAL: return signal(action.getSignal());
    case schema::Action::SET_POLICY: return change_policy(action.getSetPolicy());
    case schema::Action::REPORT: return report(action.getReport());
    case schema::Action::WAIT_PROGRAM: return wait_for_program(action.getWaitProgram());
    case schema::Action::OP: break;  // handled above: it is not kOther
  }
  return ActionResult{false, false, "this agent does not support the action"};
}

Result<Executor::ActionResult> Executor::sleep_until(Clock::time_point deadline) {
  KTAPE_TRY(pass_time(deadline));
  return ActionResult{};
}

Result<Executor::ActionResult> Executor::wait_for(schema::WaitWorker::Reader wait) {
  auto worker = session_.workers().find(wait.getWorker().cStr());
  if (!worker) return ActionResult{false, true, worker.error().message};
  uint32_t limit_ms = wait.getDeadlineMs() == 0 ? kDefaultDeadlineMs : wait.getDeadlineMs();
  const char wanted = state_letter(wait.getState());
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(limit_ms);
  char state = '?';
  // Polled: the kernel has no event for a change of a task's state.
  while (Clock::now() < deadline && !session_.stopped() && (*worker)->alive) {
    // A worker about to be reaped may have no stat any more; `alive` shows that.
    if (auto stat = read_proc_stat((*worker)->pid)) state = stat->state;
    if (state == wanted) return ActionResult{};
    KTAPE_TRY(pass_time(Clock::now() + kWorkerInterval));
  }
  if (!(*worker)->alive)
    return ActionResult{false, true, "worker '" + (*worker)->name + "' has exited"};
  return ActionResult{false, true,
                      "worker '" + (*worker)->name + "' is in state '" + state + "', expected '" +
                          wanted + "' within " + std::to_string(limit_ms) + " ms"};
}

Result<Executor::ActionResult> Executor::wait_for_program(schema::WaitProgram::Reader wait) {
  const auto limit = std::chrono::milliseconds(wait.getDeadlineMs());
  const auto ended = [this] { return session_.program_ended(); };
  KTAPE_TRY(pass_time(Clock::now() + limit, ended));
  if (ended()) return ActionResult{};
  return ActionResult{
      false, true,
      "the scheduler's program still runs after " + std::to_string(limit.count()) + " ms"};
}

Result<Executor::ActionResult> Executor::signal(schema::WorkerSignal::Reader action) {
  auto worker = session_.workers().find(action.getWorker().cStr());
  if (!worker) return ActionResult{false, false, worker.error().message};
  if (!(*worker)->alive)
    return ActionResult{false, false, "worker '" + (*worker)->name + "' has exited"};
  if (::kill((*worker)->pid.value, action.getSignal()) != 0) {
    return ActionResult{
        false, false,
        system_error(ErrorCode::kHost, "cannot signal worker '" + (*worker)->name + "'").message};
  }
  return ActionResult{};
}

Result<Executor::ActionResult> Executor::change_policy(schema::WorkerPolicy::Reader action) {
  auto worker = session_.workers().find(action.getWorker().cStr());
  if (!worker) return ActionResult{false, false, worker.error().message};
  auto set = set_policy((*worker)->pid, action.getPolicy(), action.getPriority());
  if (!set) return ActionResult{false, false, set.error().message};
  return ActionResult{};
}

Result<Executor::ActionResult> Executor::report(schema::WorkerFacts::Reader action) {
  auto worker = session_.workers().find(action.getWorker().cStr());
  if (!worker) return ActionResult{false, false, worker.error().message};
  Result<void> reported = session_.report_facts(**worker);
  // A worker that has ended has no facts to report; any other error is the agent's own.
  if (!reported && reported.error().code == ErrorCode::kNotFound) {
    return ActionResult{false, false, reported.error().message};
  }
  if (!reported) return reported.error();
  return ActionResult{};
}

Result<Executor::ActionResult> Executor::panic() {
  log_("panicking, as requested by the scenario");
  UniqueFd trigger(::open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC));
  if (!trigger.valid() || ::write(trigger.get(), "c", 1) != 1) {
    return ActionResult{
        false, true, system_error(ErrorCode::kHost, "cannot write '/proc/sysrq-trigger'").message};
  }
  KTAPE_TRY(session_.wait(Clock::now() + kPanicTakes));
  return ActionResult{false, true, "the kernel did not panic"};
}

Result<Executor::ActionResult> Executor::request(uint32_t step, const ActionGroup& group,
                                                 uint64_t interval) {
  capnp::MallocMessageBuilder message;
  auto request = message.initRoot<schema::OpRequest>();
  request.setId(++last_request_);
  request.setStep(step);
  request.setFirstAction(group.first);
  request.setInterval(interval);
  request.setMode(group.kind == ActionKind::kHot ? schema::OpMode::HOT : schema::OpMode::COLD);
  auto entries = request.initEntries(group.count);
  auto actions = scenario_.getSteps()[step].getActions();
  for (uint32_t i = 0; i < group.count; ++i) {
    const auto op = actions[group.first + i].getOp();
    request.setRetryMs(op.getRetryMs());  // the same for all ops of a group
    if (op.getExpect().isRefused()) request.initExpect().setRefused(op.getExpect().getRefused());
    // setWithCaveats(): OpEntry is a struct in a list; a newer schema's fields beyond ours would be
    // cut.
    entries.setWithCaveats(i, op.getEntry());
    if (!entries[i].getTarget().isTask()) continue;
    // A worker that cannot be found fails the step before anything is sent.
    auto filled = fill_in_worker(entries[i].getTarget().getTask());
    if (!filled) return ActionResult{false, false, filled.error().message};
  }
  // A copy: `request` is a message of its own, because reply_problem() needs it after the send.
  KTAPE_TRY(session_.reporter().send(
      [&](schema::FromAgent::Builder sent) { sent.setRequest(request.asReader()); }));
  KTAPE_ASSIGN(std::optional<FrameMessage> reply, session_.receive_reply(last_request_));
  // Stopped: the reply will not come.
  if (!reply) return ActionResult{};  // stopped: the caller checks that
  auto result = reply->reader().getRoot<schema::FromHost>().getReply().getResult();
  const std::string problem = reply_problem(result, request);
  return ActionResult{problem.empty(), false, problem};
}

// A scenario may set a pid or start time on purpose: only zeros are filled in.
Result<void> Executor::fill_in_worker(schema::TaskRef::Builder task) {
  if (task.getWorker().size() == 0) return {};
  KTAPE_ASSIGN(const RunningWorker* worker,
               session_.workers().find(task.asReader().getWorker().cStr()));
  // /proc/PID/stat was read when the worker was forked, so both belong to the same process.
  if (task.getPid() == 0) task.setPid(worker->pid.value);
  if (task.getStartBoottimeNs() == 0) task.setStartBoottimeNs(worker->start_boottime_ns);
  return {};
}

}  // namespace ktape
