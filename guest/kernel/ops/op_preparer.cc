// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/op_preparer.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <variant>

#include "guest/kernel/ops/op_plan.h"
#include "guest/kernel/ops/op_result.h"

namespace ktape {

namespace {

constexpr std::string_view kRunqueues = "runqueues";
// Names are looked up once. A guest that keeps requesting new ones can use only this many cache
// entries and this many searches for the nearest name.
constexpr size_t kMaxResolved = 16384;
constexpr size_t kMaxUnresolved = 1000;

}  // namespace

std::shared_ptr<TargetNames> OpPreparer::resolve(const OpTarget& target) {
  // The kind of root is a part of the key: a symbol and a per-CPU variable of one name are
  // different targets.
  std::string key = fmt::format("{} {}\n{}", target.root.index(), root_name(target),
                                target_path_text(target.path));
  const auto cached = resolved_.find(key);
  if (cached != resolved_.end()) return cached->second;
  // Dropping all is crude, and costs one lookup per target that is used again. PreparedOps hold
  // their names, so none is left dangling.
  if (resolved_.size() >= kMaxResolved) resolved_.clear();
  // For a name that is not found the nearest of all symbols is searched for, which is slow: a guest
  // could keep the host busy with it.
  Result<TargetPlan> plan =
      unresolved_ < kMaxUnresolved
          ? plan_target(kernel_.knowledge(), target, log_, lists_)
          : Error{ErrorCode::kRefused,
                  "too many targets of this run are not in its kernel: no more are looked up", ""};
  if (!plan.ok()) ++unresolved_;
  auto names = std::make_shared<TargetNames>(TargetNames{std::move(plan), {}});
  return resolved_.emplace(std::move(key), std::move(names)).first->second;
}

PreparedOp OpPreparer::prepare(const Op& op, schema::OpMode mode) {
  PreparedOp prepared{&op, resolve(op.target), "", {}, {}, ""};
  const Result<TargetPlan>& plan = prepared.names->plan;
  const Result<OpWidth> fits = plan.ok() ? fit_op(*plan, op, mode) : plan.error();
  if (plan.ok() && plan->type()) prepared.type = plan->type()->name;
  const auto refuse = [&](const Error& why) {
    prepared.refusal = reply_sentence(why);
    return prepared;
  };
  if (!fits.ok()) return refuse(fits.error());
  prepared.width = *fits;
  if (std::holds_alternative<TaskRoot>(op.target.root)) {
    // The gates' fields are reported as used by the first op that is judged by them.
    log_.take_over(gate_log_);
  } else if (const auto* place = std::get_if<VirtualRoot>(&op.target.root)) {
    prepared.root = place->address;
  } else {
    const Result<GuestVirtual> symbol = kernel_.symbol(root_name(op.target));
    if (!symbol.ok()) return refuse(symbol.error());
    prepared.root = *symbol;
  }
  const auto* variable = std::get_if<PerCpuRoot>(&op.target.root);
  prepared.is_runqueue = variable != nullptr && variable->symbol == kRunqueues;
  return prepared;
}

}  // namespace ktape
