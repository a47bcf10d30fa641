// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/memory/flat_memory.h"
#include "schema/base/units.h"

namespace ktape::test {

// The differences of a fake kernel from the usual one.
struct FakeKernelShape {
  bool sched_ext = true;
  bool narrow_on_rq = false;          // on_rq and on_cpu as u8
  bool states_among_flags = false;    // the SCX task states in enum scx_ent_flags, in place
  bool bypass_per_scheduler = false;  // no scx_bypass_depth, but one in struct scx_sched
  bool per_cpu_hot = false;           // preempt count and current task in struct pcpu_hot
  bool per_cpu_groups = false;        // a task group's parts in one per-CPU allocation
  bool clock = false;                 // a clocksource, and the thresholds of its watch for lockups
  bool task_list = false;             // init_task, and the list of all tasks
  bool bypass_queues = false;         // a DSQ for bypass in each scheduler's per-CPU part
  bool group_tree = false;            // task groups have lists of their children
};

// A made-up kernel with two CPUs that lies in memory as a real one does: banner, page tables,
// per-CPU areas, the pid IDR, BTF and symbols. It is read through `Kernel`, like a real one.
class FakeKernel {
 public:
  static constexpr uint64_t kCpus = 2;
  static constexpr uint64_t kSlide = 0x2000000;
  // Mapped, but without RAM.
  static constexpr GuestVirtual kNoRam{0xffff888000800000};

  explicit FakeKernel(const FakeKernelShape& shape = {});

  [[nodiscard]] FlatMemory& memory() { return *memory_; }
  [[nodiscard]] const Kernel& kernel() const { return *kernel_; }
  // What a machine needs to run this kernel: a copy of its RAM, and the facts of its image.
  [[nodiscard]] const std::vector<std::byte>& ram() const { return ram_; }
  // The RAM itself, with the test's later changes.
  [[nodiscard]] std::span<std::byte> live_ram() { return ram_; }
  [[nodiscard]] std::shared_ptr<const KernelKnowledge> knowledge() const { return knowledge_; }

  // A task that passes every gate: it sleeps, in sched_ext, under a scheduler that switched all.
  GuestVirtual add_task(int32_t pid, std::string_view comm, uint64_t start_boottime_ns,
                        uint32_t cpu = 0);
  // Points the IDR's slot for a pid anywhere.
  void set_idr_slot(int32_t pid, uint64_t entry);
  // The IDR node that covers a pid.
  GuestVirtual idr_node(int32_t pid);

  // Zeroed memory in the direct map.
  GuestVirtual allocate(uint64_t bytes);
  [[nodiscard]] GuestVirtual symbol(std::string_view name) const;
  [[nodiscard]] GuestVirtual per_cpu(std::string_view name, uint32_t cpu) const;
  [[nodiscard]] GuestVirtual field(GuestVirtual object, std::string_view type,
                                   std::string_view path) const;

  void put(GuestVirtual address, uint64_t value, size_t width);
  [[nodiscard]] uint64_t get(GuestVirtual address, size_t width) const;
  // A member, in the width that BTF gives.
  void set(GuestVirtual object, std::string_view type, std::string_view path, uint64_t value);
  [[nodiscard]] uint64_t value(GuestVirtual object, std::string_view type,
                               std::string_view path) const;
  void set_task(GuestVirtual task, std::string_view path, uint64_t value) {
    set(task, "struct task_struct", path, value);
  }
  void set_rq(uint32_t cpu, std::string_view path, uint64_t value) {
    set(per_cpu("runqueues", cpu), "struct rq", path, value);
  }
  // Of type `clock`: makes one of that name the current clocksource.
  void set_clocksource(std::string_view name);
  // Links an entry at the end of a list.
  void link(GuestVirtual head, GuestVirtual node);

 private:
  void map_memory();
  void fill_image();
  void fill_cpus();

  FakeKernelShape shape_;
  std::vector<std::byte> ram_;
  std::optional<FlatMemory> memory_;
  std::shared_ptr<KernelKnowledge> knowledge_;
  std::optional<Kernel> kernel_;
  uint64_t next_free_;
};

}  // namespace ktape::test
