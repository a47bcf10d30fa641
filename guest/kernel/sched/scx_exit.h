// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/sched/scx_exit_info.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// The function that every exit of a sched_ext scheduler passes through after its kind and message
// are recorded, and before anything of it is torn down or a task is moved: the irq_work that
// scx_vexit() queues (kernel/sched/ext.c; scx_error_irq_workfn, renamed to scx_disable_irq_workfn
// when plain unregistering began to pass through it as well). It is called through a pointer, so it
// is never inlined. Empty if the kernel has none of them.
[[nodiscard]] std::string_view scx_exit_function(const KernelKnowledge& kernel);
// The member of struct scx_sched that its first argument points at; empty if schedulers are not
// objects in this kernel.
[[nodiscard]] std::string_view scx_exit_argument(const KernelKnowledge& kernel);

// A struct scx_exit_info of a scheduler that is about to exit.
struct ScxExit {
  uint64_t kind = 0;  // enum scx_exit_kind
  bool error = false;
  std::string kind_name;  // "SCX_EXIT_ERROR_STALL"; empty for one that BTF does not name
  std::string scheduler;  // its name; empty if the kernel does not name it
  std::string reason;
  std::string message;
  GuestVirtual address;  // of the struct scx_exit_info

  // "SCX_EXIT_ERROR_STALL (1026) of 'qmap': runnable task stall: task[12] failed to run for 5.0s"
  [[nodiscard]] std::string text() const;
};

// Reads exits. Names are resolved once, at construction.
class ScxExitReader {
 public:
  // kNotFound names what this kernel lacks.
  [[nodiscard]] static Result<ScxExitReader> create(const Kernel& kernel);

  // The exit of a vCPU that is at the first instruction of scx_exit_function(): `argument` is the
  // function's first argument, RDI. Everything in the result is text of the guest: not printable as
  // it is. Errors are those of memory.
  [[nodiscard]] Result<ScxExit> read(const GuestMemory& memory, GuestVirtual argument) const;

 private:
  ScxExitReader(const Kernel& kernel, const ScxExitInfoReader& infos)
      : kernel_(&kernel), infos_(infos) {}
  [[nodiscard]] Result<GuestVirtual> pointer(const GuestMemory& memory, GuestVirtual at) const;

  const Kernel* kernel_;
  ScxExitInfoReader infos_;
  std::optional<GuestVirtual> global_info_;  // before schedulers became objects
  uint64_t irq_work_offset_ = 0;             // within struct scx_sched
  uint64_t info_offset_ = 0;
  std::optional<FieldInfo> name_;
  uint64_t first_error_ = 0;
};

}  // namespace ktape
