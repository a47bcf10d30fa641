// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/op.h"
#include "guest/kernel/ops/op_width.h"
#include "guest/kernel/ops/target_plan.h"
#include "guest/kernel/types/layout_log.h"
#include "schema/base/result.h"
#include "schema/op.capnp.h"

namespace ktape {

// What a kernel's symbols and types alone determine about an op, before boot and when the op is
// served. Whether a CPU, a task or a pointer exists depends on memory.

// A root's name, for messages. Targets with the same kind and name of root have the same type.
[[nodiscard]] std::string root_name(const OpTarget& target);

// Whether the symbol exists and is not per-CPU: the address of a per-CPU variable is that of its
// template. kNotFound, with the nearest symbols; kRefused.
[[nodiscard]] Result<void> check_symbol(const KernelKnowledge& kernel, const std::string& name);

// Finds the root's type and plans the path from there. kNotFound names the nearest symbols, types
// or members; kRefused also if a per-CPU variable is named as a plain symbol, or vice versa;
// otherwise as TargetPlan::make.
[[nodiscard]] Result<TargetPlan> plan_target(const KernelKnowledge& kernel, const OpTarget& target,
                                             LayoutLog& log, Lists lists = Lists::kWhole);

// The type that a target's path reaches, from types alone: available on a tape even without its
// symbols. Nothing if the root's type is unknown and the path is empty. Errors as for plan_target,
// except that symbols are not looked up. `log` gets the fields on the way.
[[nodiscard]] Result<std::optional<TypeInfo>> target_type(const Btf& btf, const OpTarget& target,
                                                          LayoutLog& log,
                                                          Lists lists = Lists::kWhole);

// Checks an op against the plan of its target. kRefused for a width (see width_of), for a write
// that would walk a list, and for what a hot op may not be. Does not check that the address of a
// hot op is aligned.
[[nodiscard]] Result<OpWidth> fit_op(const TargetPlan& plan, const Op& op, schema::OpMode mode);

}  // namespace ktape
