// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/scenario_check.h"

#include <fmt/format.h>

#include <string>

#include "guest/kernel/ops/op_plan.h"
#include "guest/kernel/ops/op_records.h"
#include "schema/scenario/text_parser.h"

namespace ktape {

namespace {

class OpsCheck {
 public:
  OpsCheck(const LoadedScenario& scenario, const KernelKnowledge& kernel, const TextNode& parsed)
      : scenario_(scenario), kernel_(kernel), parsed_(parsed), log_(*kernel.btf) {}

  Result<void> check() {
    const auto steps = scenario_.get().getSteps();
    for (unsigned i = 0; i < steps.size(); ++i) {
      const auto actions = steps[i].getActions();
      for (unsigned j = 0; j < actions.size(); ++j) {
        if (!actions[j].isOp()) continue;
        const TextNode& where = parsed_.at("steps").at(i).at("actions").at(j).at("op").at("entry");
        step_ = steps[i].getName().size() > 0 ? fmt::format("'{}'", steps[i].getName().cStr())
                                              : std::to_string(i + 1);
        KTAPE_TRY(check_op(actions[j].getOp(), where));
      }
    }
    return {};
  }

 private:
  Result<void> check_op(schema::ScenarioOp::Reader from, const TextNode& where) {
    const auto entry = from.getEntry();
    const auto error = [&](Place place, const Error& cause) {
      const std::string sentence =
          fmt::format("step {}, op '{}': {}", step_, entry.getTag().cStr(), cause.message);
      return error_at(scenario_.path(), place, sentence, cause.hint);
    };
    const Result<Op> op = read_op(entry, from.getMode());
    if (!op.ok()) return error(where.place, op.error());
    // A write that is expected to be refused is a test of the gates, and may run anywhere.
    const bool is_to_pass = entry.isWrite() && !from.getExpect().isRefused();
    if (std::holds_alternative<TaskRoot>(op->target.root) && is_to_pass &&
        !kernel_.has_sched_ext()) {
      return error(where.at("write").place,
                   Error{ErrorCode::kRefused,
                         "this kernel has no sched_ext, so the gates refuse every write to a task",
                         "read tasks only, or write elsewhere"});
    }
    const Result<TargetPlan> plan = plan_target(kernel_, op->target, log_);
    if (!plan.ok()) return error(where.at("target").place, plan.error());
    const Result<OpWidth> fits = fit_op(*plan, *op, from.getMode());
    if (!fits.ok()) return error(where.at(entry.isRead() ? "read" : "write").place, fits.error());
    return {};
  }

  const LoadedScenario& scenario_;
  const KernelKnowledge& kernel_;
  const TextNode& parsed_;
  std::string step_;
  LayoutLog log_;
};

}  // namespace

Result<void> check_sched_ext(schema::Scenario::Reader scenario, const KernelKnowledge& kernel) {
  if (kernel.has_sched_ext()) return {};
  std::string wants = scenario.getScheduler().isNone() ? "" : "attaches a scheduler";
  for (auto worker : scenario.getWorkers()) {
    if (wants.empty() && worker.getPolicy() == schema::Policy::EXT)
      wants = fmt::format("has worker '{}' of policy ext", worker.getName().cStr());
  }
  if (wants.empty()) return {};
  return Error{ErrorCode::kBadInput,
               fmt::format("kernel {} has no sched_ext, but scenario '{}' {}", kernel.release,
                           scenario.getName().cStr(), wants),
               "use Debian's kernel 6.16 or later: 'ktape kernel list'"};
}

Result<void> check_scenario_ops(const LoadedScenario& scenario, const KernelKnowledge& kernel) {
  // Parsed again, because the loaded scenario has no places.
  KTAPE_ASSIGN(const TextNode parsed, parse_text(scenario.path(), scenario.text()));
  return OpsCheck(scenario, kernel, parsed).check();
}

}  // namespace ktape
