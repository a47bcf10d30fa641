// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/defaults.h"

#include <fmt/format.h>

#include "schema/scenario/machine.h"
#include "schema/scenario/retry.h"
#include "schema/target/target_path.h"

namespace ktape {

namespace {

template <typename T>
T or_default(T value, T fallback) {
  return value == 0 ? fallback : value;
}

uint32_t priority_or_default(schema::Policy policy, uint32_t priority) {
  bool realtime = policy == schema::Policy::FIFO || policy == schema::Policy::RR;
  return realtime ? or_default(priority, 1u) : priority;
}

int32_t retry_or(int32_t retry_ms, int32_t fallback) {
  return retry_ms == kRetryNotSaid ? fallback : retry_ms;
}

// The scenario's retryMs is the default of its ops.
void fill_action(schema::Action::Builder action, int32_t retry_ms) {
  if (action.isOp()) action.getOp().setRetryMs(retry_or(action.getOp().getRetryMs(), retry_ms));
  if (action.isWait()) {
    auto wait = action.getWait();
    wait.setDeadlineMs(or_default(wait.getDeadlineMs(), 30'000u));
  } else if (action.isWaitProgram()) {
    auto wait = action.getWaitProgram();
    wait.setDeadlineMs(or_default(wait.getDeadlineMs(), 30'000u));
  } else if (action.isSetPolicy()) {
    auto change = action.getSetPolicy();
    change.setPriority(priority_or_default(change.getPolicy(), change.getPriority()));
  }
}

// Without a mode, an op with `every` is hot: the text says whether there is one.
void choose_mode(const TextNode& where, schema::ScenarioOp::Builder op) {
  if (where.has("every") && !where.has("mode")) op.setMode(schema::OpMode::HOT);
}

Result<void> parse_path(std::string_view file, const TextNode& where,
                        schema::Target::Builder target) {
  if (where.has("steps")) {
    return error_at(file, where.at("steps").place, "'steps' is set by ktape: give 'path' instead");
  }
  auto steps = parse_target_path(target.getPath().cStr());
  if (!steps.ok()) {
    return error_at(file, where.at("path").place, steps.error().message, steps.error().hint);
  }
  write_steps(steps.value(), target);
  return {};
}

}  // namespace

void fill_defaults(schema::Scenario::Builder scenario) {
  // In the order of the schema. The values are its comments, which are the promise to users.
  scenario.setWatchdogMs(or_default(scenario.getWatchdogMs(), 60'000u));
  scenario.setRetryMs(retry_or(scenario.getRetryMs(), kDefaultRetryMs));
  scenario.setAgentPriority(or_default(scenario.getAgentPriority(), 99u));

  complete_machine(scenario.getMachine());

  auto scheduler = scenario.getScheduler();
  if (scheduler.isVtime()) {
    auto vtime = scheduler.getVtime();
    vtime.setSliceUs(or_default(vtime.getSliceUs(), 20'000u));
    vtime.setTimeoutMs(or_default(vtime.getTimeoutMs(), 30'000u));
  } else if (scheduler.isExternal()) {
    auto external = scheduler.getExternal();
    external.setAttachDeadlineMs(or_default(external.getAttachDeadlineMs(), 30'000u));
  }
  for (auto worker : scenario.getWorkers()) {
    worker.setPriority(priority_or_default(worker.getPolicy(), worker.getPriority()));
  }
  for (auto step : scenario.getSteps()) {
    for (auto action : step.getActions()) fill_action(action, scenario.getRetryMs());
  }
}

Result<void> complete_ops(std::string_view file, const TextNode& parsed,
                          schema::Scenario::Builder scenario) {
  auto steps = scenario.getSteps();
  for (unsigned i = 0; i < steps.size(); ++i) {
    auto actions = steps[i].getActions();
    for (unsigned j = 0; j < actions.size(); ++j) {
      if (!actions[j].isOp()) continue;
      const TextNode& op = parsed.at("steps").at(i).at("actions").at(j).at("op");
      choose_mode(op, actions[j].getOp());
      // Places of the text, since the message has none.
      KTAPE_TRY(
          parse_path(file, op.at("entry").at("target"), actions[j].getOp().getEntry().getTarget()));
    }
  }
  return {};
}

}  // namespace ktape
