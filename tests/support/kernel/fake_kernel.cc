// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel/fake_kernel.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tests/support/kernel/fake_kernel_types.h"
#include "tests/support/kernel/synthetic_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kRamBytes = 8 * kMiB;
constexpr uint64_t kText = 0xffffffff81000000;
constexpr uint64_t kKernelMap = 0xffffffff80000000;
constexpr uint64_t kImagePhysical = 2 * kMiB;
constexpr uint64_t kDirectMap = 0xffff888000000000;
constexpr uint64_t kTablesPhysical = 0x1000;
constexpr uint64_t kPerCpuLink = kText + 0x100000;
constexpr uint64_t kPerCpuPhysical = 4 * kMiB;
constexpr uint64_t kPerCpuBytes = 0x10000;
constexpr uint64_t kHeapPhysical = 5 * kMiB;
constexpr uint64_t kNode = 2;  // the low bits of an entry that is a node
constexpr std::string_view kBanner = "Linux version 6.99.0-fake (ktape) #1 SMP PREEMPT_DYNAMIC";

struct Placed {
  std::string_view name;
  uint64_t link;
};

constexpr std::array kSymbols = {
    Placed{"_text", kText},
    Placed{"linux_banner", kText + 0x1000},
    Placed{"init_top_pgt", kText + 0x2000},
    Placed{"phys_base", kText + 0x3000},
    Placed{"__per_cpu_offset", kText + 0x3100},
    Placed{"nr_cpu_ids", kText + 0x3200},
    Placed{"page_offset_base", kText + 0x3300},
    Placed{"jiffies_64", kText + 0x3400},
    Placed{"init_pid_ns", kText + 0x3500},
    Placed{"map_idr", kText + 0x3580},
    Placed{"__scx_switched_all", kText + 0x3600},
    Placed{"scx_bypass_depth", kText + 0x3700},
    Placed{"scx_root", kText + 0x3710},
    Placed{"scx_sched_free_rcu_work", kText + 0x3720},
    Placed{"scx_enable_seq", kText + 0x3730},
    Placed{"__scx_enabled", kText + 0x3740},
    Placed{"scx_sched_all", kText + 0x3780},
    Placed{"fair_sched_class", kText + 0x3800},
    Placed{"ext_sched_class", kText + 0x3900},
    Placed{"rt_sched_class", kText + 0x3980},
    Placed{"scx_error_irq_workfn", kText + 0x3a00},
    Placed{"native_queued_spin_lock_slowpath", kText + 0x3a40},
    Placed{"jiffies_seq", kText + 0x3a80},
    Placed{"task_groups", kText + 0x3b00},
    Placed{"curr_clocksource", kText + 0x3c00},
    Placed{"init_task", kText + 0x4000},
    Placed{"watchdog_enabled", kText + 0x3c10},
    Placed{"watchdog_thresh", kText + 0x3c18},
    Placed{"rcu_cpu_stall_suppress", kText + 0x3c1c},
    Placed{"rcu_cpu_stall_timeout", kText + 0x3c20},
    Placed{"page_end", kText + 0x4ffc},
    Placed{"__init_begin", kText + 0xff000},
    Placed{"scx_init_table", kText + 0xff800},
    Placed{"__per_cpu_start", kPerCpuLink},
    Placed{"this_cpu_off", kPerCpuLink + 0x10},
    Placed{"__preempt_count", kPerCpuLink + 0x18},
    Placed{"current_task", kPerCpuLink + 0x20},
    Placed{"pcpu_hot", kPerCpuLink + 0x30},
    Placed{"untyped_counter", kPerCpuLink + 0x40},
    Placed{"runqueues", kPerCpuLink + 0x80},
    Placed{"scx_per_cpu", kPerCpuLink + 0x2000},
    Placed{"__per_cpu_end", kPerCpuLink + 0x3000},
    Placed{"__init_end", kPerCpuLink + 0x3000},
    Placed{"_end", kText + 0x200000},
};

std::string symbol_text(const FakeKernelShape& shape) {
  std::string text;
  for (const Placed& symbol : kSymbols) {
    if (shape.bypass_per_scheduler && symbol.name == "scx_bypass_depth") continue;
    const bool of_clock = symbol.link >= kText + 0x3c00 && symbol.link < kText + 0x3d00;
    if (!shape.clock && of_clock) continue;
    if (!shape.task_list && symbol.name == "init_task") continue;
    static constexpr char kDigits[] = "0123456789abcdef";
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[symbol.link >> shift & 15];
    text += " D " + std::string(symbol.name) + "\n";
  }
  return text;
}

}  // namespace

FakeKernel::FakeKernel(const FakeKernelShape& shape)
    : shape_(shape), ram_(kRamBytes), next_free_(kHeapPhysical) {
  memory_.emplace(std::span(ram_), kRamBytes);
  knowledge_ = std::make_shared<KernelKnowledge>();
  knowledge_->release = "6.99.0-fake";
  knowledge_->banner = kBanner;
  knowledge_->symbols = must(SymbolTable::from_text(symbol_text(shape)));
  knowledge_->btf_raw = fake_kernel_btf(shape);
  knowledge_->btf = must(Btf::parse(knowledge_->btf_raw));
  map_memory();
  fill_image();
  kernel_.emplace(must(Kernel::adopt(knowledge_, *memory_)));
  fill_cpus();
}

void FakeKernel::map_memory() {
  const GuestPhysical root(kImagePhysical + 0x2000);
  synthetic::PageTableBuilder tables(*memory_, {root, 4}, kTablesPhysical);
  tables.map(kText + kSlide, kImagePhysical, 2);
  // One page more than there is RAM: kNoRam.
  for (uint64_t at = 0; at <= kRamBytes; at += 2 * kMiB) tables.map(kDirectMap + at, at, 2);
}

// Written by physical address: nothing is adopted yet.
void FakeKernel::fill_image() {
  const auto store = [&](uint64_t link, uint64_t value, size_t width) {
    const GuestPhysical at(kImagePhysical + (link - kText));
    must(memory_->write(at, std::as_bytes(std::span(&value, 1)).first(width)));
  };
  must(memory_->write(GuestPhysical(kImagePhysical + 0x1000), std::as_bytes(std::span(kBanner))));
  store(kText + 0x3000, kImagePhysical - kSlide + kKernelMap - kText, 8);
  store(kText + 0x3200, kCpus, 4);
  store(kText + 0x3300, kDirectMap, 8);
  for (uint64_t cpu = 0; cpu < kCpus; ++cpu) {
    const uint64_t physical = kPerCpuPhysical + cpu * kPerCpuBytes;
    const uint64_t offset = kDirectMap + physical - (kPerCpuLink + kSlide);
    store(kText + 0x3100 + 8 * cpu, offset, 8);
    must(memory_->write(GuestPhysical(physical + 0x10), std::as_bytes(std::span(&offset, 1))));
  }
}

void FakeKernel::fill_cpus() {
  put(symbol("jiffies_64"), 4294892296, 8);
  put(symbol("__scx_switched_all"), 1, 4);
  if (shape_.task_list) {
    const GuestVirtual list = field(symbol("init_task"), "struct task_struct", "tasks");
    put(list, list.value, 8);
    put(list + 8, list.value, 8);
  }
  const GuestVirtual root = allocate(576);
  set(root, "struct xa_node", "shift", 6);
  set(symbol("init_pid_ns"), "struct pid_namespace", "idr.idr_rt.xa_head", root.value | kNode);
  for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    const GuestVirtual list = field(per_cpu("runqueues", cpu), "struct rq", "scx.runnable_list");
    put(list, list.value, 8);
    put(list + 8, list.value, 8);
    set_rq(cpu, "cpu", cpu);
  }
}

GuestVirtual FakeKernel::allocate(uint64_t bytes) {
  const GuestVirtual at(kDirectMap + next_free_);
  next_free_ += (bytes + 63) / 64 * 64;
  KTAPE_CHECK(next_free_ <= kRamBytes);
  return at;
}

GuestVirtual FakeKernel::symbol(std::string_view name) const { return must(kernel_->symbol(name)); }

GuestVirtual FakeKernel::per_cpu(std::string_view name, uint32_t cpu) const {
  return must(kernel_->per_cpu(*memory_, name, CpuId(cpu)));
}

GuestVirtual FakeKernel::field(GuestVirtual object, std::string_view type,
                               std::string_view path) const {
  return object + must(kernel_->btf().field(type, path)).offset_bytes;
}

void FakeKernel::put(GuestVirtual address, uint64_t value, size_t width) {
  must(kernel_->write(*memory_, address, std::as_bytes(std::span(&value, 1)).first(width)));
}

uint64_t FakeKernel::get(GuestVirtual address, size_t width) const {
  return must(kernel_->read_uint(*memory_, address, width));
}

void FakeKernel::set(GuestVirtual object, std::string_view type, std::string_view path,
                     uint64_t value) {
  put(field(object, type, path), value, must(kernel_->btf().field(type, path)).type.size_bytes);
}

uint64_t FakeKernel::value(GuestVirtual object, std::string_view type,
                           std::string_view path) const {
  return get(field(object, type, path), must(kernel_->btf().field(type, path)).type.size_bytes);
}

void FakeKernel::set_clocksource(std::string_view name) {
  const GuestVirtual clocksource = allocate(64);
  const GuestVirtual text = allocate(64);
  must(kernel_->write(*memory_, text, std::as_bytes(std::span(name))));
  set(clocksource, "struct clocksource", "name", text.value);
  put(symbol("curr_clocksource"), clocksource.value, 8);
}

void FakeKernel::link(GuestVirtual head, GuestVirtual node) {
  const uint64_t last = get(head + 8, 8);
  put(GuestVirtual(last), node.value, 8);
  put(node, head.value, 8);
  put(node + 8, last, 8);
  put(head + 8, node.value, 8);
}

GuestVirtual FakeKernel::idr_node(int32_t pid) {
  const GuestVirtual root(
      value(symbol("init_pid_ns"), "struct pid_namespace", "idr.idr_rt.xa_head") - kNode);
  const std::string slot = "slots[" + std::to_string(pid / 64) + "]";
  const uint64_t entry = value(root, "struct xa_node", slot);
  if (entry != 0) return GuestVirtual(entry - kNode);
  const GuestVirtual leaf = allocate(576);
  set(root, "struct xa_node", slot, leaf.value | kNode);
  return leaf;
}

void FakeKernel::set_idr_slot(int32_t pid, uint64_t entry) {
  set(idr_node(pid), "struct xa_node", "slots[" + std::to_string(pid % 64) + "]", entry);
}

GuestVirtual FakeKernel::add_task(int32_t pid, std::string_view comm, uint64_t start_boottime_ns,
                                  uint32_t cpu) {
  const GuestVirtual task = allocate(512);
  const GuestVirtual pid_struct = allocate(64);
  set_idr_slot(pid, pid_struct.value);
  set(pid_struct, "struct pid", "tasks[0].first",
      field(task, "struct task_struct", "pid_links[0]").value);
  set_task(task, "pid", static_cast<uint32_t>(pid));
  set_task(task, "start_boottime", start_boottime_ns);
  set_task(task, "start_time", start_boottime_ns - 700);
  set_task(task, "__state", 0x2001);
  set_task(task, "thread_info.cpu", cpu);
  must(kernel_->write(*memory_, field(task, "struct task_struct", "comm"),
                      std::as_bytes(std::span(comm))));
  set_task(task, "sched_class",
           symbol(shape_.sched_ext ? "ext_sched_class" : "fair_sched_class").value);
  if (shape_.task_list)
    link(field(symbol("init_task"), "struct task_struct", "tasks"),
         field(task, "struct task_struct", "tasks"));
  if (!shape_.sched_ext) return task;
  const GuestVirtual node = field(task, "struct task_struct", "scx.runnable_node");
  put(node, node.value, 8);
  put(node + 8, node.value, 8);
  set_task(task, "scx.ddsp_dsq_id", uint64_t{1} << 63);
  set_task(task, "scx.flags", shape_.states_among_flags ? 0x400 : 0x301);
  return task;
}

}  // namespace ktape::test
