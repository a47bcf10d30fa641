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

// What a kernel's symbols and types alone decide about an op, before anything boots as well as when
// the op is served. Whether a CPU, a task or a pointer is there, only memory tells.

// A root's name, for messages. Targets of one kind of root and one name have the same type.
[[nodiscard]] std::string root_name(const OpTarget& target);

// Finds the root's type and plans the path from there. kNotFound names the nearest symbols, types
// or members; kRefused also when a per-CPU variable is named as a plain symbol, or the other way
// round; else as TargetPlan::make.
[[nodiscard]] Result<TargetPlan> plan_target(const KernelKnowledge& kernel, const OpTarget& target,
                                             LayoutLog& log);

// The type that a target's path reaches, by types alone: what a tape can tell without its symbols.
// Nothing where the root's type is not known and the path is empty. Errors as of plan_target,
// except that a symbol is not looked for. `log` is told the fields on the way.
[[nodiscard]] Result<std::optional<TypeInfo>> target_type(const Btf& btf, const OpTarget& target,
                                                          LayoutLog& log);

// Holds an op against the plan of its target. kRefused for a width (see width_of), for a write that
// would walk a list, and for what a hot op may not be, except that its address must be aligned.
[[nodiscard]] Result<OpWidth> fit_op(const TargetPlan& plan, const Op& op, schema::OpMode mode);

}  // namespace ktape
