// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/scx_exit_info.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "guest/kernel/types/sizes.h"

namespace ktape {

namespace {

constexpr size_t kMaxFieldBytes = 4096;  // the kernel's are shorter: SCX_EXIT_MSG_LEN is 1024
constexpr std::string_view kInfo = "struct scx_exit_info";

}  // namespace

std::string text_at(const Kernel& kernel, const GuestMemory& memory, GuestVirtual at,
                    size_t limit) {
  std::string text;
  // Page by page: a text that ends right before an unmapped page is complete.
  while (text.size() < limit) {
    const GuestVirtual from = at + text.size();
    std::array<char, kSmallPageBytes> page{};
    const size_t bytes =
        std::min<size_t>(limit - text.size(), kSmallPageBytes - from.value % kSmallPageBytes);
    const auto part = std::span(page).first(bytes);
    // A part of a message is worth more than an error, so what was readable is returned.
    if (!kernel.read(memory, from, std::as_writable_bytes(part)).ok()) break;
    const auto end = std::find(part.begin(), part.end(), '\0');
    text.append(part.begin(), end);
    if (end != part.end()) break;
  }
  return text;
}

Result<ScxExitInfoReader> ScxExitInfoReader::create(const Kernel& kernel) {
  ScxExitInfoReader reader(kernel);
  KTAPE_ASSIGN(reader.kind_, kernel.btf().field(kInfo, "kind"));
  KTAPE_ASSIGN(reader.exit_code_, kernel.btf().field(kInfo, "exit_code"));
  KTAPE_ASSIGN(reader.reason_, kernel.btf().field(kInfo, "reason"));
  KTAPE_ASSIGN(reader.message_, kernel.btf().field(kInfo, "msg"));
  KTAPE_ASSIGN(reader.dump_, kernel.btf().field(kInfo, "dump"));
  return reader;
}

Result<uint64_t> ScxExitInfoReader::kind(const GuestMemory& memory, GuestVirtual info) const {
  return value(memory, info, kind_);
}

Result<SchedulerExitInfo> ScxExitInfoReader::read(const GuestMemory& memory,
                                                  GuestVirtual info) const {
  SchedulerExitInfo exit;
  KTAPE_ASSIGN(exit.kind, kind(memory, info));
  KTAPE_ASSIGN(const uint64_t code, value(memory, info, exit_code_));
  exit.exit_code = static_cast<int64_t>(code);
  KTAPE_ASSIGN(exit.reason, text(memory, info, reason_, kMaxFieldBytes));
  KTAPE_ASSIGN(exit.message, text(memory, info, message_, kMaxFieldBytes));
  return exit;
}

Result<std::string> ScxExitInfoReader::dump(const GuestMemory& memory, GuestVirtual info) const {
  return text(memory, info, dump_, kMaxDumpBytes);
}

Result<uint64_t> ScxExitInfoReader::value(const GuestMemory& memory, GuestVirtual info,
                                          const FieldInfo& field) const {
  return kernel_->read_uint(memory, info + field.offset_bytes, field.type.size_bytes);
}

Result<std::string> ScxExitInfoReader::text(const GuestMemory& memory, GuestVirtual info,
                                            const FieldInfo& field, size_t limit) const {
  KTAPE_ASSIGN(const uint64_t at,
               kernel_->read_uint(memory, info + field.offset_bytes, sizeof(uint64_t)));
  return at == 0 ? std::string() : text_at(*kernel_, memory, GuestVirtual(at), limit);
}

}  // namespace ktape
