// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "schema/base/nearest.h"
#include "schema/base/text.h"
#include "schema/scenario/expected_failures.h"
#include "schema/scenario/series.h"

namespace ktape {

namespace {

constexpr size_t kMaxNameBytes = 15;  // the kernel truncates a task's comm to this
constexpr size_t kMaxScenarioNameBytes = 100;
// Longer times are slips of a unit, and would overflow sums of them.
constexpr uint64_t kMaxMs = 7ull * 86'400'000;   // a week
constexpr uint32_t kMaxPriority = 99;            // of the real-time policies
constexpr uint32_t kMaxStallTimeoutMs = 30'000;  // SCX_WATCHDOG_MAX_TIMEOUT, kernel/sched/ext.c
// SIGRTMAX on Linux.
constexpr int32_t kMaxSignal = 64;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_part(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; }

bool realtime(schema::Policy policy) {
  return policy == schema::Policy::FIFO || policy == schema::Policy::RR;
}

class ScenarioCheck {
 public:
  ScenarioCheck(std::string_view file, const TextNode& parsed, schema::Scenario::Reader scenario,
                const MachineOverride& machine)
      : file_(file), parsed_(parsed), scenario_(scenario), override_(machine) {}

  Result<void> check() {
    // In the order in which a reader meets the mistakes: what the run is, the machine, then what
    // happens on it.
    KTAPE_TRY(check_scenario_name());
    KTAPE_TRY(check_times());
    KTAPE_TRY(check_agent());
    KTAPE_TRY(check_machine());
    if (scenario_.getScheduler().isVtime()) KTAPE_TRY(check_scheduler());
    if (scenario_.getScheduler().isExternal()) KTAPE_TRY(check_external_scheduler());
    KTAPE_TRY(check_workers());
    KTAPE_TRY(check_ms(parsed_.at("freezes"), "everyMs", scenario_.getFreezes().getEveryMs()));
    KTAPE_TRY(check_steps());
    KTAPE_TRY(check_series(file_, parsed_, scenario_));
    KTAPE_TRY(check_expected_failures(file_, parsed_, scenario_));
    return check_lasting();
  }

 private:
  // The name becomes a file name, and is shown in tables and reports.
  Result<void> check_scenario_name() const {
    const std::string_view name = scenario_.getName().cStr();
    const Place place = parsed_.at("name").place;
    if (name.empty()) return error(place, "the scenario has no name");
    if (name.find('/') != std::string_view::npos)
      return error(place, "a scenario's name cannot contain '/': its tapes are named after it");
    if (is_scenario_name(name)) return {};
    return error(
        place,
        fmt::format("a scenario cannot be named {}: its tapes are named after it", in_quotes(name)),
        kScenarioNameRule);
  }

  // Step names and tags are shown in quotes and given on command lines, so all of their characters
  // must be visible.
  Result<void> check_shown_name(const TextNode& where, std::string_view field,
                                std::string_view name) const {
    const bool good = is_utf8(name) && printable(name) == name &&
                      name.find('\'') == std::string_view::npos && !name.starts_with(' ') &&
                      !name.ends_with(' ');
    if (good) return {};
    return error(
        where.at(field).place,
        fmt::format("{} cannot be a {}", in_quotes(name), field == "tag" ? "tag" : "step's name"),
        "leave out control characters, quotes, backslashes, and spaces at either end");
  }

  Result<void> check_times() const {
    KTAPE_TRY(check_ms(parsed_, "durationMs", scenario_.getDurationMs()));
    KTAPE_TRY(check_ms(parsed_, "watchdogMs", scenario_.getWatchdogMs()));
    KTAPE_TRY(check_ms(parsed_, "bootDeadlineMs", scenario_.getBootDeadlineMs()));
    KTAPE_TRY(check_retry_ms(file_, parsed_, scenario_.getRetryMs(), scenario_));
    // Not "or equal": a run that ends with its watchdog has timed out.
    if (scenario_.getWatchdogMs() > scenario_.getDurationMs()) return {};
    return error(
        parsed_.at("durationMs").place,
        fmt::format("the run watchdog would end the run after {} ms, before its duration of {} ms",
                    scenario_.getWatchdogMs(), scenario_.getDurationMs()),
        "make watchdogMs longer than durationMs");
  }

  Result<void> check_agent() const {
    if (scenario_.getAgentPriority() <= kMaxPriority) return {};
    return error(parsed_.at("agentPriority").place,
                 fmt::format("agentPriority {} is not between 1 and {}",
                             scenario_.getAgentPriority(), kMaxPriority));
  }

  Result<void> check_machine() const {
    const auto problem = find_machine_problem(scenario_.getMachine());
    // The place of a field that the command line decides is not in this file.
    if (!problem) return {};
    if (override_.decides(problem->field)) {
      return Error{ErrorCode::kUsage, "the machine on the command line: " + problem->sentence,
                   problem->hint};
    }
    return error(parsed_.at("machine").at(problem->field).place, problem->sentence, problem->hint);
  }

  Result<void> check_scheduler() const {
    const TextNode& where = parsed_.at("scheduler").at("vtime");
    auto vtime = scenario_.getScheduler().getVtime();
    if (vtime.getTimeoutMs() > kMaxStallTimeoutMs) {
      return error(
          where.at("timeoutMs").place,
          fmt::format("the kernel's stall watchdog takes at most {} ms", kMaxStallTimeoutMs));
    }
    if (vtime.getFaultAfterMs() != 0 && vtime.getFault() == schema::SchedulerFault::NONE) {
      return error(where.at("faultAfterMs").place, "'faultAfterMs' needs a 'fault'");
    }
    return check_ms(where, "faultAfterMs", vtime.getFaultAfterMs());
  }

  Result<void> check_external_scheduler() const {
    const TextNode& where = parsed_.at("scheduler").at("external");
    auto external = scenario_.getScheduler().getExternal();
    if (external.getProgram().size() == 0)
      return error(where.place, "the external scheduler has no program");
    // Written into the scenario when the guest is packed; a text that has it would be believed by
    // the agent.
    if (where.has("guestPath")) {
      return error(where.at("guestPath").place,
                   "'guestPath' is set by ktape: give 'program' instead");
    }
    return check_ms(where, "attachDeadlineMs", external.getAttachDeadlineMs());
  }

  Result<void> check_workers() {
    std::set<std::string> names;
    auto workers = scenario_.getWorkers();
    for (unsigned i = 0; i < workers.size(); ++i) {
      const TextNode& where = parsed_.at("workers").at(i);
      std::string name = workers[i].getName().cStr();
      KTAPE_TRY(check_worker_name(where, name));
      // Names are how steps and tapes refer to workers.
      if (!names.insert(name).second) {
        return error(where.at("name").place, fmt::format("the worker '{}' already exists", name));
      }
      KTAPE_TRY(check_priority(where, workers[i].getPolicy(), workers[i].getPriority()));
      KTAPE_TRY(check_nice(where, workers[i]));
      KTAPE_TRY(check_affinity(where.at("cpus"), workers[i].getCpus()));
      KTAPE_TRY(check_phases(where, workers[i].getPhases()));
    }
    return {};
  }

  Result<void> check_worker_name(const TextNode& where, const std::string& name) const {
    if (name.empty()) return error(where.place, "the worker has no name");
    if (name.size() > kMaxNameBytes) {
      return error(
          where.at("name").place,
          fmt::format("worker name '{}' has {} bytes; the kernel keeps only {} of a task's name",
                      name, name.size(), kMaxNameBytes));
    }
    if (is_letter(name[0]) && std::ranges::all_of(name, is_name_part)) return {};
    // "task:12.comm" reads a task by its pid, and a dot begins the path. A name that begins with a
    // digit would read as a pid.
    return error(where.at("name").place,
                 fmt::format("a worker cannot be named {}", in_quotes(name)),
                 "use letters, digits, '_' and '-'; begin with a letter");
  }

  Result<void> check_priority(const TextNode& where, schema::Policy policy,
                              uint32_t priority) const {
    if (realtime(policy)) {
      if (priority <= kMaxPriority) return {};
      return error(where.at("priority").place,
                   fmt::format("priority {} is not between 1 and {}", priority, kMaxPriority));
    }
    if (priority == 0) return {};
    return error(where.at("priority").place, "'priority' is for policies fifo and rr only",
                 "use 'nice' for the other policies");
  }

  Result<void> check_nice(const TextNode& where, schema::Worker::Reader worker) const {
    int32_t nice = worker.getNice();
    if (nice == 0) return {};
    if (realtime(worker.getPolicy()) || worker.getPolicy() == schema::Policy::IDLE) {
      return error(where.at("nice").place, "'nice' is for policies normal, batch and ext only");
    }
    if (nice >= -20 && nice <= 19) return {};
    return error(where.at("nice").place, fmt::format("nice {} is not between -20 and 19", nice));
  }

  Result<void> check_affinity(const TextNode& where, capnp::List<uint32_t>::Reader cpus) const {
    uint32_t available = scenario_.getMachine().getCpus();
    for (unsigned i = 0; i < cpus.size(); ++i) {
      if (cpus[i] < available) continue;
      return error(where.at(i).place,
                   fmt::format("CPU {} does not exist: the machine has {}", cpus[i], available),
                   fmt::format("CPUs count from 0; the last is {}", available - 1));
    }
    return {};
  }

  Result<void> check_phases(const TextNode& where,
                            capnp::List<schema::Phase>::Reader phases) const {
    if (phases.size() == 0)
      return error(where.place, "the worker has no phases: it would do nothing");
    for (unsigned i = 0; i < phases.size(); ++i) {
      const TextNode& phase = where.at("phases").at(i);
      uint64_t ms = phases[i].isSleepMs()  ? phases[i].getSleepMs()
                    : phases[i].isSpinMs() ? phases[i].getSpinMs()
                                           : phases[i].getYieldMs();
      if (ms == 0) return error(phase.place, "a phase lasts at least 1 ms");
      // A void action has no field of its own.
      if (phase.fields.empty()) continue;
      KTAPE_TRY(check_ms(phase, phase.fields.front().name, ms));
    }
    return {};
  }

  Result<void> check_steps() {
    auto steps = scenario_.getSteps();
    if (steps.size() == 0) return error(parsed_.at("steps").place, "the scenario has no steps");
    for (unsigned i = 0; i < steps.size(); ++i) {
      const TextNode& where = parsed_.at("steps").at(i);
      auto actions = steps[i].getActions();
      KTAPE_TRY(check_shown_name(where, "name", steps[i].getName().cStr()));
      if (actions.size() == 0) return error(where.place, "the step has no actions");
      for (unsigned j = 0; j < actions.size(); ++j) {
        KTAPE_TRY(check_action(where.at("actions").at(j), actions[j]));
      }
    }
    return {};
  }

  // The least time that the steps take. How long a wait or an op takes is not known. Bounds only
  // what is certain, so that no scenario is refused that could have passed.
  Result<void> check_lasting() const {
    const uint64_t limit_ms = scenario_.getWatchdogMs();
    uint64_t lasted_ms = 0;
    auto steps = scenario_.getSteps();
    for (unsigned i = 0; i < steps.size(); ++i) {
      auto actions = steps[i].getActions();
      for (unsigned j = 0; j < actions.size(); ++j) {
        if (actions[j].isPanic()) return {};
        if (actions[j].isSleepMs()) lasted_ms += actions[j].getSleepMs();
        // `hold` lasts until the duration is over, from the first step on, whatever came before it.
        if (actions[j].isHold())
          lasted_ms = std::max<uint64_t>(lasted_ms, scenario_.getDurationMs());
        if (lasted_ms < limit_ms) continue;
        return error(
            parsed_.at("steps").at(i).at("actions").at(j).place,
            fmt::format("the run watchdog would end the run after {} ms, but the steps up to here "
                        "take {} ms",
                        limit_ms, lasted_ms),
            fmt::format("make watchdogMs longer than that; it is {}{}", limit_ms,
                        parsed_.has("watchdogMs") ? "" : " by default"));
      }
    }
    return {};
  }

  Result<void> check_action(const TextNode& where, schema::Action::Reader action) {
    if (where.fields.empty()) {
      return error(
          where.place, "the action is empty",
          "give one of: sleepMs, wait, op, hold, panic, signal, setPolicy, report, waitProgram");
    }
    switch (action.which()) {
      case schema::Action::SLEEP_MS: return check_ms(where, "sleepMs", action.getSleepMs());
      case schema::Action::WAIT: {
        const TextNode& wait = where.at("wait");
        KTAPE_TRY(check_ms(wait, "deadlineMs", action.getWait().getDeadlineMs()));
        return check_worker(wait, action.getWait().getWorker());
      }
      case schema::Action::OP:
        KTAPE_TRY(check_tag(where.at("op").at("entry"), action.getOp().getEntry().getTag().cStr()));
        return check_op(file_, where.at("op"), scenario_, action.getOp());
      case schema::Action::HOLD:
        if (scenario_.getDurationMs() != 0) return {};
        return error(where.at("hold").place,
                     "'hold' lasts until durationMs is over, but durationMs is not given");
      case schema::Action::PANIC: return {};
      case schema::Action::SIGNAL: {
        const TextNode& signal = where.at("signal");
        int32_t number = action.getSignal().getSignal();
        if (number < 1 || number > kMaxSignal) {
          return error(signal.at("signal").place,
                       fmt::format("signal {} is not between 1 and {}", number, kMaxSignal));
        }
        return check_worker(signal, action.getSignal().getWorker());
      }
      case schema::Action::REPORT:
        return check_worker(where.at("report"), action.getReport().getWorker());
      case schema::Action::WAIT_PROGRAM:
        return check_ms(where.at("waitProgram"), "deadlineMs",
                        action.getWaitProgram().getDeadlineMs());
      case schema::Action::SET_POLICY: {
        const TextNode& change = where.at("setPolicy");
        auto asked = action.getSetPolicy();
        KTAPE_TRY(check_priority(change, asked.getPolicy(), asked.getPriority()));
        return check_worker(change, asked.getWorker());
      }
    }
    return {};
  }

  Result<void> check_tag(const TextNode& where, std::string_view tag) const {
    if (tag.empty()) {
      return error(where.place, "an op needs a 'tag'", "assertions find the value by its tag");
    }
    return check_shown_name(where, "tag", tag);
  }

  Result<void> check_worker(const TextNode& where, capnp::Text::Reader worker) const {
    return check_worker_exists(file_, where.at("worker").place, scenario_, worker.cStr());
  }

  Result<void> check_ms(const TextNode& where, std::string_view field, uint64_t ms) const {
    if (ms <= kMaxMs) return {};
    return error(where.at(field).place,
                 fmt::format("'{}' is {} ms; the limit is one week, {} ms", field, ms, kMaxMs));
  }

  Error error(Place place, std::string_view sentence, std::string hint = "") const {
    return error_at(file_, place, sentence, std::move(hint));
  }

  std::string_view file_;
  const TextNode& parsed_;
  schema::Scenario::Reader scenario_;
  const MachineOverride& override_;
};

}  // namespace

Result<void> check_worker_exists(std::string_view file, Place place,
                                 schema::Scenario::Reader scenario, std::string_view worker) {
  std::vector<std::string> names;
  for (auto candidate : scenario.getWorkers()) {
    names.emplace_back(candidate.getName().cStr());
    if (names.back() == worker) return {};
  }
  if (worker.empty()) return error_at(file, place, "'worker' is missing: name the worker");
  std::string near = did_you_mean(worker, names);
  return error_at(file, place, fmt::format("there is no worker '{}'", worker),
                  !near.empty() ? near : "declare it in 'workers'");
}

bool is_scenario_name(std::string_view name) {
  return !name.empty() && (is_letter(name[0]) || is_digit(name[0])) &&
         name.size() <= kMaxScenarioNameBytes &&
         std::ranges::all_of(name, [](char c) { return is_name_part(c) || c == '.'; });
}

Result<void> check_scenario(std::string_view file, const TextNode& parsed,
                            schema::Scenario::Reader scenario, const MachineOverride& machine) {
  return ScenarioCheck(file, parsed, scenario, machine).check();
}

}  // namespace ktape
