// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/scx_exit.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "guest/kernel/types/sizes.h"

namespace ktape {

namespace {

constexpr size_t kMaxOpsNameBytes = 1024;  // the kernel's are shorter: SCX_OPS_NAME_LEN is 128

struct ExitPath {
  std::string_view function;
  std::string_view irq_work;  // its argument, a member of struct scx_sched
};
constexpr std::array kExitPaths = {
    ExitPath{"scx_disable_irq_workfn", "disable_irq_work"},
    ExitPath{"scx_error_irq_workfn", "error_irq_work"},
    ExitPath{"scx_ops_error_irq_workfn", ""},
};

const ExitPath* exit_path(const KernelKnowledge& kernel) {
  for (const ExitPath& path : kExitPaths) {
    if (kernel.symbols.find(path.function)) return &path;
  }
  return nullptr;
}

}  // namespace

std::string_view scx_exit_function(const KernelKnowledge& kernel) {
  const ExitPath* path = exit_path(kernel);
  return path == nullptr ? std::string_view() : path->function;
}

std::string_view scx_exit_argument(const KernelKnowledge& kernel) {
  const ExitPath* path = exit_path(kernel);
  return path == nullptr ? std::string_view() : path->irq_work;
}

std::string ScxExit::text() const {
  std::string text = kind_name.empty() ? fmt::format("exit kind {}", kind)
                                       : fmt::format("{} ({})", kind_name, kind);
  if (!scheduler.empty()) text += fmt::format(" of '{}'", scheduler);
  if (!reason.empty()) text += ": " + reason;
  if (!message.empty()) text += ": " + message;
  return text;
}

Result<ScxExitReader> ScxExitReader::create(const Kernel& kernel) {
  const ExitPath* path = exit_path(kernel.knowledge());
  if (path == nullptr)
    return Error{ErrorCode::kNotFound, "this kernel has no scheduler exit that can be met", ""};
  KTAPE_ASSIGN(ScxExitInfoReader infos, ScxExitInfoReader::create(kernel));
  ScxExitReader reader(kernel, infos);
  const Btf& btf = kernel.btf();
  // Asked of BTF: since schedulers are objects, their struct has the exit info.
  if (btf.has_field("struct scx_sched", "exit_info")) {
    KTAPE_ASSIGN(const FieldInfo work, btf.field("struct scx_sched", path->irq_work));
    KTAPE_ASSIGN(const FieldInfo info, btf.field("struct scx_sched", "exit_info"));
    reader.irq_work_offset_ = work.offset_bytes;
    reader.info_offset_ = info.offset_bytes;
    if (const Result<FieldInfo> name = btf.field("struct scx_sched", "ops.name"); name.ok())
      reader.name_ = *name;
  } else {
    KTAPE_ASSIGN(reader.global_info_, kernel.symbol("scx_exit_info"));
  }
  const std::optional<uint64_t> error = btf.enumerator("scx_exit_kind", "SCX_EXIT_ERROR");
  if (!error)
    return Error{ErrorCode::kNotFound, "this kernel's 'enum scx_exit_kind' has no SCX_EXIT_ERROR",
                 ""};
  reader.first_error_ = *error;
  return reader;
}

Result<GuestVirtual> ScxExitReader::pointer(const GuestMemory& memory, GuestVirtual at) const {
  KTAPE_ASSIGN(const uint64_t value, kernel_->read_uint(memory, at, kPointerBytes));
  return GuestVirtual(value);
}

Result<ScxExit> ScxExitReader::read(const GuestMemory& memory, GuestVirtual argument) const {
  // container_of(), as the function itself does with its argument.
  ScxExit exit;
  const GuestVirtual scheduler(argument.value - irq_work_offset_);
  KTAPE_ASSIGN(exit.address,
               pointer(memory, global_info_ ? *global_info_ : scheduler + info_offset_));
  KTAPE_ASSIGN(SchedulerExitInfo info, infos_.read(memory, exit.address));
  exit.kind = info.kind;
  exit.error = exit.kind >= first_error_;
  exit.kind_name = kernel_->btf().enumerator_name("scx_exit_kind", exit.kind).value_or("");
  exit.reason = std::move(info.reason);
  exit.message = std::move(info.message);
  if (name_ && !global_info_)
    exit.scheduler = text_at(*kernel_, memory, scheduler + name_->offset_bytes, kMaxOpsNameBytes);
  return exit;
}

}  // namespace ktape
