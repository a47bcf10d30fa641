// SPDX-License-Identifier: Apache-2.0
#include "replay/slim/slim_roots.h"

#include <string_view>

#include "schema/base/text.h"

namespace ktape {

namespace {

// The types that tasks, runqueues, queues and BPF maps consist of, beyond the prefixes below.
constexpr std::string_view kTypes[] = {"struct task_struct",
                                       "struct thread_info",
                                       "struct signal_struct",
                                       "struct sighand_struct",
                                       "struct cred",
                                       "struct pid",
                                       "struct upid",
                                       "struct pid_namespace",
                                       "struct nsproxy",
                                       "struct css_set",
                                       "struct cgroup",
                                       "struct cgroup_subsys_state",
                                       "struct task_group",
                                       "struct mm_struct",
                                       "struct kernfs_node",
                                       "struct rq",
                                       "struct cfs_rq",
                                       "struct rt_rq",
                                       "struct dl_rq",
                                       "struct root_domain",
                                       "struct cpumask",
                                       "struct pcpu_hot",
                                       "struct static_key",
                                       "struct qspinlock",
                                       "struct raw_spinlock",
                                       "struct list_head",
                                       "struct hlist_head",
                                       "struct hlist_node",
                                       "struct rb_root",
                                       "struct rb_node",
                                       "struct rb_root_cached",
                                       "struct llist_head",
                                       "struct llist_node",
                                       "struct xarray",
                                       "struct xa_node",
                                       "struct idr",
                                       "struct rhashtable",
                                       "struct bucket_table",
                                       "struct rhash_head",
                                       "struct callback_head",
                                       "struct bpf_map",
                                       "struct bpf_array",
                                       "struct bpf_htab",
                                       "struct bpf_queue_stack",
                                       "struct bpf_struct_ops_map",
                                       "struct bpf_struct_ops_value",
                                       "struct kernel_cpustat",
                                       "struct irq_work",
                                       "struct kthread",
                                       "enum pid_type",
                                       "enum bpf_map_type",
                                       "enum cpu_idle_type",
                                       "enum uclamp_id",
                                       "u8",
                                       "u16",
                                       "u32",
                                       "u64",
                                       "s8",
                                       "s16",
                                       "s32",
                                       "s64",
                                       "bool",
                                       "size_t",
                                       "pid_t",
                                       "uid_t",
                                       "atomic_t",
                                       "atomic64_t",
                                       "atomic_long_t",
                                       "cpumask_t",
                                       "cpumask_var_t",
                                       "spinlock_t",
                                       "raw_spinlock_t",
                                       "ktime_t"};
// Structs, enums and per-CPU variables of the scheduler core and of sched_ext.
constexpr std::string_view kPrefixes[] = {"scx_", "sched_", "ktape_"};
constexpr std::string_view kVariables[] = {"runqueues",      "current_task", "__preempt_count",
                                           "pcpu_hot",       "this_cpu_off", "cpu_number",
                                           "kernel_cpustat", "kstat"};

class Collector {
 public:
  explicit Collector(uint64_t slide) : slide_(slide) {
    for (const auto name : kTypes) roots_.btf.types.emplace(name);
    for (const auto prefix : kPrefixes) roots_.btf.prefixes.emplace_back(prefix);
    for (const auto name : kVariables) roots_.btf.variables.emplace(name);
  }

  Result<void> visit(const RecordView& view) {
    if (!view.known) return {};
    switch (view.record.which()) {
      case schema::Record::LAYOUT_USED: type(chars(view.record.getLayoutUsed().getType())); break;
      case schema::Record::OP_REQUESTED:
        for (const auto entry : view.record.getOpRequested().getEntries())
          target(entry.getTarget());
        break;
      case schema::Record::SAMPLE: target(view.record.getSample().getTarget()); break;
      case schema::Record::FROZEN:
        for (const auto vcpu : view.record.getFrozen().getVcpus()) {
          // Link-time addresses, as the symbol table has them.
          roots_.symbols.addresses.insert(vcpu.getRip() - slide_);
        }
        break;
      default: break;
    }
    return {};
  }

  SlimRoots take() { return std::move(roots_); }

 private:
  void type(std::string_view name) { roots_.btf.types.emplace(name); }
  void variable(std::string_view name) {
    roots_.btf.variables.emplace(name);
    roots_.symbols.names.emplace(name);
  }
  void target(schema::Target::Reader target) {
    switch (target.which()) {
      case schema::Target::SYMBOL: variable(chars(target.getSymbol())); break;
      case schema::Target::PER_CPU: variable(chars(target.getPerCpu().getSymbol())); break;
      case schema::Target::VIRTUAL: type(chars(target.getVirtual().getType())); break;
      default: break;
    }
    for (const auto step : target.getSteps()) {
      // A list's container is named by the request, and no member leads to it.
      if (step.isList()) type(chars(step.getList().getContainer()));
    }
  }

  uint64_t slide_;
  SlimRoots roots_;
};

}  // namespace

Result<SlimRoots> slim_roots(const TapeReader& tape, const TapeIndex& index) {
  Collector collector(index.kernel().getKaslrSlide());
  KTAPE_TRY(tape.for_each([&](const RecordView& view) { return collector.visit(view); }));
  return collector.take();
}

}  // namespace ktape
