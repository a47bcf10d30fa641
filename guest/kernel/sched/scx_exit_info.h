// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "guest/kernel/kernel.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// What a struct scx_exit_info says once the kernel has filled it in (kernel/sched/ext_internal.h).
struct SchedulerExitInfo {
  uint64_t kind = 0;  // enum scx_exit_kind
  int64_t exit_code = 0;
  std::string reason;
  std::string message;
  std::string dump;
};

// The text at an address, up to its NUL, to `limit` bytes, or to a page that is not there.
[[nodiscard]] std::string text_at(const Kernel& kernel, const GuestMemory& memory, GuestVirtual at,
                                  size_t limit);

// Reads structs scx_exit_info. Fields are resolved once, when it is made; what is read is bounded,
// whatever the memory holds.
class ScxExitInfoReader {
 public:
  static constexpr size_t kMaxDumpBytes = size_t{256} << 10;  // a dump may be cut there

  // kNotFound names what this kernel lacks. `kernel` outlives the reader.
  [[nodiscard]] static Result<ScxExitInfoReader> create(const Kernel& kernel);

  // SCX_EXIT_NONE, which is 0, until there is an exit.
  [[nodiscard]] Result<uint64_t> kind(const GuestMemory& memory, GuestVirtual info) const;
  // All but the dump, which is written last and is long; and the dump.
  [[nodiscard]] Result<SchedulerExitInfo> read(const GuestMemory& memory, GuestVirtual info) const;
  [[nodiscard]] Result<std::string> dump(const GuestMemory& memory, GuestVirtual info) const;

 private:
  explicit ScxExitInfoReader(const Kernel& kernel) : kernel_(&kernel) {}
  [[nodiscard]] Result<uint64_t> value(const GuestMemory& memory, GuestVirtual info,
                                       const FieldInfo& field) const;
  [[nodiscard]] Result<std::string> text(const GuestMemory& memory, GuestVirtual info,
                                         const FieldInfo& field, size_t limit) const;

  const Kernel* kernel_;
  FieldInfo kind_, exit_code_, reason_, message_, dump_;
};

}  // namespace ktape
