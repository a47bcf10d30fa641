// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/sched/scx_exit_info.h"
#include "guest/memory/guest_memory.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// The function that frees a scheduler; a work function, so it is never inlined
// (kernel/sched/ext.c). On a kernel without it, the machine cannot be stopped at a scheduler's
// exit.
inline constexpr char kSchedulerFreeFunction[] = "scx_sched_free_rcu_work";

// The kernel's scx_enable_seq, if it has one: incremented at the end of each successful enable of a
// root scheduler since boot.
inline constexpr char kEnableSeqSymbol[] = "scx_enable_seq";

// A sched_ext scheduler, as described by its struct scx_sched (kernel/sched/ext.c).
struct SchedulerState {
  GuestVirtual address;          // of its struct scx_sched
  std::string name;              // sched_ext_ops.name
  std::vector<std::string> ops;  // the callbacks that are not NULL
  bool partial = false;          // it has the flag SCX_OPS_SWITCH_PARTIAL
  uint32_t timeout_ms = 0;       // of the kernel's stall watchdog for it; 0: unknown
  GuestVirtual parent{0};        // for a sub-scheduler: its parent's struct scx_sched
  std::string cgroup;            // for a sub-scheduler
};

// The schedulers that a kernel has in its lists.
struct LinkedSchedulers {
  // The address of each struct scx_sched; the root scheduler first, parents before children.
  std::vector<GuestVirtual> addresses;
  bool more = false;  // there are more than SchedExtReader::kMaxSchedulers
};

// Reads from kernel memory which schedulers are attached, and why one exited. For kernels in which
// schedulers are objects (struct scx_sched, since "sched_ext: Introduce scx_sched", v6.16).
// Resolves names once, when created; what it reads is bounded, whatever the memory contains.
//
// A scheduler's object outlives its exit: the exit info is complete before ops.exit() is called,
// scx_root is cleared after that, and free_function() frees the object when its last reference,
// that of the loader's link, is dropped. So it can be read until that function runs. A failed
// enable leaves such an object, too, with an exit but never enabled.
class SchedExtReader {
 public:
  static constexpr size_t kMaxSchedulers = 1024;  // that linked() finds
  // kNotFound names what this kernel lacks. `kernel` outlives the reader.
  [[nodiscard]] static Result<std::unique_ptr<SchedExtReader>> create(const Kernel& kernel);
  ~SchedExtReader();

  // The schedulers in the kernel's lists: the root scheduler, then any sub-schedulers, parents
  // before children. Some may still be in the middle of an enable or exit. Empty if there is none.
  // Errors are those of memory.
  [[nodiscard]] Result<LinkedSchedulers> linked(const GuestMemory& memory) const;
  // `scheduler` is the address of a struct scx_sched.
  [[nodiscard]] Result<SchedulerState> read(const GuestMemory& memory,
                                            GuestVirtual scheduler) const;
  // Whether its enable has ever completed: the last action of an enable is to announce the
  // scheduler's kobject, which is noted in the kobject (lib/kobject_uevent.c,
  // state_add_uevent_sent).
  [[nodiscard]] Result<bool> was_enabled(const GuestMemory& memory, GuestVirtual scheduler) const;
  // Nothing while the scheduler has no exit, or the kernel is still writing it.
  [[nodiscard]] Result<std::optional<SchedulerExitInfo>> exit(const GuestMemory& memory,
                                                              GuestVirtual scheduler) const;
  // Whether the root scheduler has tasks, also while its enable is in progress (__scx_enabled).
  // False if the kernel has no such variable.
  [[nodiscard]] Result<bool> has_tasks(const GuestMemory& memory) const;
  // The part of an exit written so far, possibly without its dump.
  [[nodiscard]] Result<std::optional<SchedulerExitInfo>> exit_so_far(const GuestMemory& memory,
                                                                     GuestVirtual scheduler) const;

  // The address of kSchedulerFreeFunction, and the scheduler that it is about to free, from its
  // first argument.
  [[nodiscard]] GuestVirtual free_function() const;
  [[nodiscard]] GuestVirtual scheduler_to_free(uint64_t argument) const;
  // The address of the function named by scx_exit_function(), 0 if the kernel has none; and the
  // scheduler that is about to exit, likewise. A failing enable passes through it, too, while its
  // program still waits for the enable.
  [[nodiscard]] GuestVirtual exit_function() const;
  [[nodiscard]] GuestVirtual scheduler_to_exit(uint64_t argument) const;

 private:
  struct Impl;
  explicit SchedExtReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape
