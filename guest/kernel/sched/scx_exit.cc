// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/scx_exit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace ktape {

namespace {

constexpr size_t kPointerBytes = 8;
// SCX_EXIT_MSG_LEN (kernel/sched/ext_internal.h).
constexpr size_t kMaxTextBytes = 1024;

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

// The text at an address, up to its end or to a page that is not there.
std::string text_at(const Kernel& kernel, const GuestMemory& memory, GuestVirtual at) {
  std::string text;
  while (text.size() < kMaxTextBytes) {
    std::array<std::byte, 1> byte{};
    if (!kernel.read(memory, at + text.size(), byte).ok() || byte[0] == std::byte{0}) break;
    text += static_cast<char>(byte[0]);
  }
  return text;
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

std::optional<StalledTask> ScxExit::stalled_task() const {
  const size_t end = message.find("] failed to run for ");
  // A comm may have one too.
  const size_t begin = end == message.npos ? end : message.rfind('[', end);
  if (begin == message.npos) return std::nullopt;
  const char* digits_end = message.data() + end;
  int32_t pid = 0;
  const auto [stop, failure] = std::from_chars(message.data() + begin + 1, digits_end, pid);
  if (failure != std::errc() || stop != digits_end || pid <= 0) return std::nullopt;
  return StalledTask{message.substr(0, begin), Pid(pid)};
}

Result<ScxExitReader> ScxExitReader::create(const Kernel& kernel) {
  const ExitPath* path = exit_path(kernel.knowledge());
  if (path == nullptr)
    return Error{ErrorCode::kNotFound, "this kernel has no scheduler exit that can be met", ""};
  ScxExitReader reader(kernel);
  if (kernel.btf().has_field("struct scx_sched", "exit_info")) {
    KTAPE_ASSIGN(const FieldInfo work, reader.log_.field("struct scx_sched", path->irq_work));
    KTAPE_ASSIGN(const FieldInfo info, reader.log_.field("struct scx_sched", "exit_info"));
    reader.irq_work_offset_ = work.offset_bytes;
    reader.info_offset_ = info.offset_bytes;
    reader.name_ = reader.log_.first_of("struct scx_sched", {"ops.name"});
  } else {
    KTAPE_ASSIGN(reader.global_info_, kernel.symbol("scx_exit_info"));
  }
  KTAPE_ASSIGN(reader.kind_, reader.log_.field("struct scx_exit_info", "kind"));
  KTAPE_ASSIGN(reader.reason_, reader.log_.field("struct scx_exit_info", "reason"));
  KTAPE_ASSIGN(reader.message_, reader.log_.field("struct scx_exit_info", "msg"));
  const std::optional<uint64_t> error = kernel.btf().enumerator("scx_exit_kind", "SCX_EXIT_ERROR");
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
  ScxExit exit;
  const GuestVirtual scheduler(argument.value - irq_work_offset_);
  KTAPE_ASSIGN(exit.address,
               pointer(memory, global_info_ ? *global_info_ : scheduler + info_offset_));
  KTAPE_ASSIGN(exit.kind, kernel_->read_uint(memory, exit.address + kind_.offset_bytes,
                                             kind_.type.size_bytes));
  exit.error = exit.kind >= first_error_;
  exit.kind_name = kernel_->btf().enumerator_name("scx_exit_kind", exit.kind).value_or("");
  KTAPE_ASSIGN(const GuestVirtual reason, pointer(memory, exit.address + reason_.offset_bytes));
  KTAPE_ASSIGN(const GuestVirtual message, pointer(memory, exit.address + message_.offset_bytes));
  exit.reason = text_at(*kernel_, memory, reason);
  exit.message = text_at(*kernel_, memory, message);
  if (name_ && !global_info_)
    exit.scheduler = text_at(*kernel_, memory, scheduler + name_->offset_bytes);
  return exit;
}

}  // namespace ktape
