// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/op_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "guest/kernel/sched/tasks.h"
#include "guest/kernel/types/c_type_name.h"
#include "guest/kernel/types/sizes.h"
#include "schema/base/nearest.h"

namespace ktape {

namespace {

// Decided by the symbol's address: BTF may describe ordinary variables, too.
bool is_per_cpu(const KernelKnowledge& kernel, std::string_view symbol) {
  const auto at = kernel.symbols.find(symbol);
  const auto start = kernel.symbols.find("__per_cpu_start");
  const auto end = kernel.symbols.find("__per_cpu_end");
  // A kernel for one CPU has no per-CPU section; its BTF still lists the variables that would be
  // there.
  if (!start || !end) return kernel.btf->has_variable(symbol);
  return at && *at >= *start && *at < *end;
}

// A kernel has hundreds of thousands of symbols, and comparing names is slow: only those with the
// same first character as `name` and about the same length are compared.
std::string nearest_symbols(const KernelKnowledge& kernel, const std::string& name, bool per_cpu) {
  std::vector<std::string> near;
  for (const SymbolTable::Symbol& symbol : kernel.symbols.symbols()) {
    const auto [shorter, longer] = std::minmax({symbol.name.size(), name.size()});
    const bool alike =
        shorter != 0 && symbol.name[0] == name[0] && longer - shorter <= name.size() / 3;
    if (alike && (!per_cpu || is_per_cpu(kernel, symbol.name))) near.push_back(symbol.name);
  }
  return did_you_mean(name, near);
}

// Whether the variable exists, and is per-CPU if and only if the target says so.
Result<void> check_variable(const KernelKnowledge& kernel, const std::string& name, bool per_cpu) {
  if (!kernel.symbols.find(name)) {
    return Error{ErrorCode::kNotFound, fmt::format("no symbol '{}' in this kernel", name),
                 nearest_symbols(kernel, name, per_cpu)};
  }
  if (!per_cpu && is_per_cpu(kernel, name)) {
    return refused(
        fmt::format("'{}' is a per-CPU variable", name),
        fmt::format("name its CPU: in a 'perCpu' target, or as 'cpu0:{}' on a command line", name));
  }
  if (per_cpu && !is_per_cpu(kernel, name)) {
    return refused(fmt::format("'{}' is not a per-CPU variable", name),
                   "name it in a 'symbol' target");
  }
  return {};
}

// Integers may also be named as in C; the error is about the name as it was written.
Result<TypeInfo> object_type(const Btf& btf, std::string_view name) {
  Result<TypeInfo> found = btf.type(name);
  if (found.ok()) return found;
  for (const std::string& other : btf_names_of(name)) {
    Result<TypeInfo> type = btf.type(other);
    if (type.ok()) return type;
  }
  return found;
}

// "struct rq *": BTF has no names of pointers, and not every pointer.
Result<TypeInfo> pointer_to(const Btf& btf, std::string_view object) {
  while (object.ends_with(' ')) object.remove_suffix(1);
  KTAPE_ASSIGN(const TypeInfo target, object_type(btf, object));
  TypeInfo pointer;
  pointer.kind = TypeKind::kPointer;
  pointer.name = target.name + " *";
  pointer.size_bytes = kPointerBytes;
  pointer.target_id = target.id;
  return pointer;
}

Result<TypeInfo> named_type(const Btf& btf, std::string_view name) {
  if (!name.ends_with('*')) return object_type(btf, name);
  return pointer_to(btf, name.substr(0, name.size() - 1));
}

// The type of the root; nothing if it is unknown.
Result<std::optional<TypeInfo>> root_type(const Btf& btf, const OpTarget& target) {
  const auto* symbol = std::get_if<SymbolRoot>(&target.root);
  const auto* variable = std::get_if<PerCpuRoot>(&target.root);
  if (symbol != nullptr || variable != nullptr) {
    const std::string& name = symbol != nullptr ? symbol->name : variable->symbol;
    if (!btf.has_variable(name)) return std::optional<TypeInfo>();
    KTAPE_ASSIGN(TypeInfo type, btf.variable(name));
    return std::optional<TypeInfo>(std::move(type));
  }
  const auto* place = std::get_if<VirtualRoot>(&target.root);
  if (place != nullptr && place->type.empty()) return std::optional<TypeInfo>();
  KTAPE_ASSIGN(TypeInfo type, named_type(btf, place != nullptr ? place->type : kTaskStruct));
  return std::optional<TypeInfo>(std::move(type));
}

// Whether an op may be served while the machine runs.
Result<void> check_hot(const TargetPlan& plan, const Op& op, const OpWidth& width) {
  const auto no = [](std::string why) {
    return refused(std::move(why), "make it cold: it is then served in a freeze");
  };
  const bool fixed = std::holds_alternative<SymbolRoot>(op.target.root) ||
                     std::holds_alternative<PerCpuRoot>(op.target.root);
  if (!std::holds_alternative<ReadAction>(op.action)) return no("a hot op cannot write");
  if (!fixed) return no("a hot read takes a symbol or a per-CPU variable only");
  if (plan.follows_pointers()) return no("a hot read cannot follow pointers");
  const uint32_t bytes = width.bytes;
  if (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8) return {};
  return no(fmt::format("a hot read takes one value of 1, 2, 4 or 8 bytes, not {} bytes", bytes));
}

}  // namespace

std::string root_name(const OpTarget& target) {
  if (const auto* symbol = std::get_if<SymbolRoot>(&target.root)) return symbol->name;
  if (const auto* variable = std::get_if<PerCpuRoot>(&target.root)) return variable->symbol;
  if (std::holds_alternative<TaskRoot>(target.root)) return std::string(kTaskStruct);
  const auto& place = std::get<VirtualRoot>(target.root);
  return place.type.empty() ? fmt::format("{:#x}", place.address.value) : place.type;
}

Result<void> check_symbol(const KernelKnowledge& kernel, const std::string& name) {
  return check_variable(kernel, name, false);
}

Result<TargetPlan> plan_target(const KernelKnowledge& kernel, const OpTarget& target,
                               LayoutLog& log, Lists lists) {
  const auto* symbol = std::get_if<SymbolRoot>(&target.root);
  // Symbols are checked first: their errors name the nearest symbol, which explains more than a
  // missing type.
  const auto* variable = std::get_if<PerCpuRoot>(&target.root);
  if (symbol != nullptr) KTAPE_TRY(check_symbol(kernel, symbol->name));
  if (variable != nullptr) KTAPE_TRY(check_variable(kernel, variable->symbol, true));
  KTAPE_ASSIGN(const std::optional<TypeInfo> root, root_type(*kernel.btf, target));
  return TargetPlan::make(*kernel.btf, root, root_name(target), target.path, log, lists);
}

// No symbols here, on purpose: a tape may have been made slim, and then it has few.
Result<std::optional<TypeInfo>> target_type(const Btf& btf, const OpTarget& target, LayoutLog& log,
                                            Lists lists) {
  KTAPE_ASSIGN(const std::optional<TypeInfo> root, root_type(btf, target));
  KTAPE_ASSIGN(const TargetPlan plan,
               TargetPlan::make(btf, root, root_name(target), target.path, log, lists));
  return plan.type();
}

Result<OpWidth> fit_op(const TargetPlan& plan, const Op& op, schema::OpMode mode) {
  KTAPE_ASSIGN(const OpWidth width, width_of(op, plan.type()));
  if (std::holds_alternative<WriteAction>(op.action) && plan.walks_list()) {
    // One value is stored, at one place; a list has as many places as entries.
    return refused("a write goes to one place, and this path walks a list");
  }
  if (mode == schema::OpMode::HOT) KTAPE_TRY(check_hot(plan, op, width));
  return width;
}

}  // namespace ktape
