// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// The function that frees a scheduler, a work function, so never inlined (kernel/sched/ext.c). A
// kernel without it has schedulers whose exit cannot be met.
inline constexpr char kSchedulerFreeFunction[] = "scx_sched_free_rcu_work";

// The scx_enable_seq of kernels that have it: it grows by one at the end of each successful enable
// of a root scheduler, since boot.
inline constexpr char kEnableSeqSymbol[] = "scx_enable_seq";

// A sched_ext scheduler, as its struct scx_sched says (kernel/sched/ext.c).
struct SchedulerState {
  GuestVirtual address;          // of its struct scx_sched
  std::string name;              // sched_ext_ops.name
  std::vector<std::string> ops;  // the callbacks that are not NULL
  bool partial = false;          // it has the flag SCX_OPS_SWITCH_PARTIAL
  uint32_t timeout_ms = 0;       // of the kernel's stall watchdog for it; 0: not known
  GuestVirtual parent{0};        // of a sub-scheduler: its parent's struct scx_sched
  std::string cgroup;            // of a sub-scheduler
};

// What a struct scx_exit_info says once the kernel has filled it in.
struct SchedulerExitInfo {
  uint64_t kind = 0;  // enum scx_exit_kind
  int64_t exit_code = 0;
  std::string reason;
  std::string message;
  std::string dump;
};

// The schedulers that a kernel has in its lists.
struct LinkedSchedulers {
  // Of each struct scx_sched; the root scheduler first, parents first.
  std::vector<GuestVirtual> addresses;
  bool more = false;  // there are more than SchedExtReader::kMaxSchedulers
};

// Reads from the kernel's own memory which schedulers are attached, and why one is no longer. For
// kernels whose schedulers are objects (struct scx_sched, since "sched_ext: Introduce scx_sched",
// v6.16). Names are resolved once, when it is made; what is read is bounded, whatever the memory
// holds.
//
// A scheduler's object outlives its exit: the exit information is complete before ops.exit() is
// called, scx_root is cleared after that, and the object is freed, by free_function(), when its
// last reference goes, which is the loader's link. So it can be read until that function runs. An
// enable that fails leaves such an object too, with an exit and without ever having been enabled.
class SchedExtReader {
 public:
  static constexpr size_t kMaxSchedulers = 1024;  // that linked() finds
  static constexpr size_t kMaxDumpBytes = size_t{256}
                                          << 10;  // of an exit's dump, which may be cut there

  // kNotFound names what this kernel lacks. `kernel` outlives the reader.
  [[nodiscard]] static Result<std::unique_ptr<SchedExtReader>> create(const Kernel& kernel);
  ~SchedExtReader();

  // The schedulers that the kernel has in its lists: the root scheduler, then, where it has them,
  // the sub-schedulers, parents first. Some may still be on their way in or out. Empty when there
  // is none. Errors are those of memory.
  [[nodiscard]] Result<LinkedSchedulers> linked(const GuestMemory& memory) const;
  // `scheduler` is the address of a struct scx_sched.
  [[nodiscard]] Result<SchedulerState> read(const GuestMemory& memory,
                                            GuestVirtual scheduler) const;
  // Whether its enable was complete at some time, which stays so: the last that an enable does is
  // to announce the scheduler's kobject, and that is noted in the kobject (lib/kobject_uevent.c,
  // state_add_uevent_sent).
  [[nodiscard]] Result<bool> was_enabled(const GuestMemory& memory, GuestVirtual scheduler) const;
  // Nothing while the scheduler has no exit, or the kernel still writes it down.
  [[nodiscard]] Result<std::optional<SchedulerExitInfo>> exit(const GuestMemory& memory,
                                                              GuestVirtual scheduler) const;
  // Whether tasks are the root scheduler's, also while its enable goes on (__scx_enabled). False
  // where the kernel does not tell.
  [[nodiscard]] Result<bool> has_tasks(const GuestMemory& memory) const;
  // What has been written down of an exit so far, which may lack its dump.
  [[nodiscard]] Result<std::optional<SchedulerExitInfo>> exit_so_far(const GuestMemory& memory,
                                                                     GuestVirtual scheduler) const;

  // kSchedulerFreeFunction; and the scheduler that it is about to free, by its first argument.
  [[nodiscard]] GuestVirtual free_function() const;
  [[nodiscard]] GuestVirtual scheduler_to_free(uint64_t argument) const;
  // scx_exit_function(), 0 where the kernel has none; and the scheduler that is about to exit,
  // likewise. An enable that fails passes there as well, while its program still waits for it.
  [[nodiscard]] GuestVirtual exit_function() const;
  [[nodiscard]] GuestVirtual scheduler_to_exit(uint64_t argument) const;

  [[nodiscard]] std::vector<UsedLayout> take_used_layouts();

 private:
  struct Impl;
  explicit SchedExtReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape
