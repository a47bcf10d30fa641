// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "guest/kernel/sched/runqueue_lock.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/kernel/types/sizes.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

// The positions of the counts in __preempt_count (include/linux/preempt.h). Kernels that keep it in
// 8 bytes also count disabled interrupts in it, in 8 bits above the softirqs.
struct PreemptBits {
  uint64_t serving_softirq, hardirq, nmi;
};
constexpr PreemptBits kNarrow = {uint64_t{1} << 8, uint64_t{0xf} << 16, uint64_t{0xf} << 20};
constexpr PreemptBits kWide = {uint64_t{1} << 8, uint64_t{0xf} << 24, uint64_t{0xf} << 28};

// The innermost first: an NMI may interrupt a hard interrupt, that a soft one, and all counts stay
// set.
ExecContext context_of(uint64_t preempt_count, uint64_t width_bytes) {
  const PreemptBits& bits = width_bytes > 4 ? kWide : kNarrow;
  if ((preempt_count & bits.nmi) != 0) return ExecContext::kNmi;
  if ((preempt_count & bits.hardirq) != 0) return ExecContext::kHardirq;
  if ((preempt_count & bits.serving_softirq) != 0) return ExecContext::kSoftirq;
  return ExecContext::kTask;
}

schema::ExecContext record_context(ExecContext context) {
  switch (context) {
    case ExecContext::kTask: return schema::ExecContext::TASK;
    case ExecContext::kSoftirq: return schema::ExecContext::SOFTIRQ;
    case ExecContext::kHardirq: return schema::ExecContext::HARDIRQ;
    case ExecContext::kNmi: return schema::ExecContext::NMI;
  }
  return schema::ExecContext::NOT_SAID;
}

// seqcount_t and its typed variants begin with the 4 bytes of the count
// (include/linux/seqlock_types.h). jiffies_seq protects jiffies_64 (kernel/time/jiffies.c).
constexpr std::array<std::string_view, 1> kSeqcounts = {"jiffies_seq"};

// A per-CPU value: a separate variable, or a member of `pcpu_hot`, where kernels 6.2 to 6.14 keep
// both.
struct PerCpuValue {
  std::string_view symbol;
  uint64_t offset_bytes = 0;
  uint64_t width_bytes = 0;
};

// By the type of the variable, not by version: BTF has a separate variable, or the member of
// pcpu_hot.
std::optional<PerCpuValue> find_value(const Btf& btf, std::string_view variable,
                                      std::string_view hot_member) {
  if (btf.has_variable(variable)) {
    const Result<TypeInfo> own = btf.variable(variable);
    if (own.ok()) return PerCpuValue{variable, 0, own->size_bytes};
  }
  if (!btf.has_field("struct pcpu_hot", hot_member)) return std::nullopt;
  const Result<FieldInfo> field = btf.field("struct pcpu_hot", hot_member);
  return PerCpuValue{"pcpu_hot", field->offset_bytes, field->type.size_bytes};
}

Result<uint64_t> read_value(const Kernel& kernel, const GuestMemory& memory,
                            const PerCpuValue& value, CpuId cpu) {
  KTAPE_ASSIGN(const GuestVirtual at, kernel.per_cpu(memory, value.symbol, cpu));
  return kernel.read_uint(memory, at + value.offset_bytes, value.width_bytes);
}

}  // namespace

struct EvidenceReader::Impl {
  explicit Impl(const Kernel& adopted) : kernel(adopted), log(adopted.btf()), lock(adopted, log) {
    preempt_count = find_value(kernel.btf(), "__preempt_count", "preempt_count");
    current = find_value(kernel.btf(), "current_task", "current_task");
    pid = log.first_of("struct task_struct", {"pid"});
    comm = log.first_of("struct task_struct", {"comm"});
    policy = log.first_of("struct task_struct", {"policy"});
    sched_class = log.first_of("struct task_struct", {"sched_class"});
    prio = log.first_of("struct task_struct", {"prio"});
    rt_priority = log.first_of("struct task_struct", {"rt_priority"});
    // A kernel without jiffies_seq (another name, or none) is judged without it.
    for (const std::string_view name : kSeqcounts) {
      const Result<GuestVirtual> at = kernel.symbol(name);
      if (at.ok()) seqcounts.emplace_back(name, *at);
    }
    const Result<GuestVirtual> global = kernel.symbol("scx_bypass_depth");
    const Result<GuestVirtual> root = kernel.symbol("scx_root");
    if (global.ok()) {
      // A separate int until each scheduler got its own.
      bypass_global = *global;
    } else if (root.ok()) {
      scx_root = *root;
      root_bypass = log.first_of("struct scx_sched", {"bypass_depth"});
    }
  }

  const Kernel& kernel;
  LayoutLog log;
  RunqueueLock lock;
  std::optional<PerCpuValue> preempt_count, current;
  std::optional<FieldInfo> pid, comm, policy, sched_class, prio, rt_priority;
  std::optional<GuestVirtual> bypass_global, scx_root;
  std::vector<std::pair<std::string, GuestVirtual>> seqcounts;
  std::optional<FieldInfo> root_bypass;  // of the scheduler that scx_root points to

  Result<CpuEvidence> read_cpu(const GuestMemory& memory, CpuId cpu, bool with_scheduling) const;
  std::optional<uint64_t> read_field(const GuestMemory& memory, GuestVirtual task,
                                     const std::optional<FieldInfo>& field) const;
  void read_scheduling(const GuestMemory& memory, GuestVirtual task, CpuEvidence& to) const;
  Result<std::string> read_comm(const GuestMemory& memory, GuestVirtual task) const;
  Result<int64_t> read_bypass_depth(const GuestMemory& memory) const;
};

Result<CpuEvidence> EvidenceReader::Impl::read_cpu(const GuestMemory& memory, CpuId cpu,
                                                   bool with_scheduling) const {
  // All or none: a half-known CPU could be taken for one that is in no lock.
  if (!preempt_count || !current || !pid || !comm) {
    return Error{ErrorCode::kNotFound, "this kernel lacks a field that the evidence needs", ""};
  }
  CpuEvidence evidence;
  KTAPE_ASSIGN(const uint64_t count, read_value(kernel, memory, *preempt_count, cpu));
  // The top bit is an inverted need-resched flag (arch/x86/include/asm/preempt.h).
  evidence.preempt_count = count & ~(uint64_t{1} << (preempt_count->width_bytes * 8 - 1));
  evidence.context = context_of(evidence.preempt_count, preempt_count->width_bytes);
  KTAPE_ASSIGN(const uint64_t task, read_value(kernel, memory, *current, cpu));
  // A pid is an int; read_uint() has zero-extended it.
  KTAPE_ASSIGN(
      const uint64_t number,
      kernel.read_uint(memory, GuestVirtual(task) + pid->offset_bytes, pid->type.size_bytes));
  evidence.current_pid = Pid(static_cast<int32_t>(number));
  KTAPE_ASSIGN(evidence.current_comm, read_comm(memory, GuestVirtual(task)));
  KTAPE_ASSIGN(evidence.runqueue_locked, lock.held(memory, cpu));
  // Failures here leave single values unset: they explain, but nothing depends on them.
  if (with_scheduling) read_scheduling(memory, GuestVirtual(task), evidence);
  evidence.known = true;
  return evidence;
}

std::optional<uint64_t> EvidenceReader::Impl::read_field(
    const GuestMemory& memory, GuestVirtual task, const std::optional<FieldInfo>& field) const {
  if (!field) return std::nullopt;
  const Result<uint64_t> value =
      kernel.read_uint(memory, task + field->offset_bytes, field->type.size_bytes);
  return value.ok() ? std::optional(*value) : std::nullopt;
}

void EvidenceReader::Impl::read_scheduling(const GuestMemory& memory, GuestVirtual task,
                                           CpuEvidence& to) const {
  if (const auto value = read_field(memory, task, policy))
    to.current_policy = static_cast<int32_t>(*value);
  if (const auto value = read_field(memory, task, sched_class))
    to.current_class = GuestVirtual(*value);
  if (const auto value = read_field(memory, task, prio))
    to.current_priority = static_cast<int32_t>(*value);
  if (const auto value = read_field(memory, task, rt_priority))
    to.current_rt_priority = static_cast<uint32_t>(*value);
}

Result<std::string> EvidenceReader::Impl::read_comm(const GuestMemory& memory,
                                                    GuestVirtual task) const {
  // comm is 16 bytes, and not always terminated while it is being changed.
  std::array<char, 64> text{};
  const size_t bytes = std::min<size_t>(comm->type.size_bytes, text.size());
  KTAPE_TRY(kernel.read(memory, task + comm->offset_bytes,
                        std::as_writable_bytes(std::span(text).first(bytes))));
  return std::string(text.begin(), std::find(text.begin(), text.begin() + bytes, '\0'));
}

// If each scheduler has its own bypass depth, that of the root scheduler; 0 without one.
Result<int64_t> EvidenceReader::Impl::read_bypass_depth(const GuestMemory& memory) const {
  if (bypass_global) {
    KTAPE_ASSIGN(const uint64_t depth, kernel.read_uint(memory, *bypass_global, sizeof(int32_t)));
    return static_cast<int64_t>(depth);
  }
  if (!scx_root || !root_bypass) return int64_t{-1};
  KTAPE_ASSIGN(const uint64_t sched, kernel.read_uint(memory, *scx_root, kPointerBytes));
  // scx_root is NULL while no scheduler is loaded.
  if (sched == 0) return int64_t{0};
  KTAPE_ASSIGN(const uint64_t depth,
               kernel.read_uint(memory, GuestVirtual(sched) + root_bypass->offset_bytes,
                                root_bypass->type.size_bytes));
  return static_cast<int64_t>(depth);
}

EvidenceReader::EvidenceReader(const Kernel& kernel) : impl_(std::make_unique<Impl>(kernel)) {}
EvidenceReader::~EvidenceReader() = default;

Evidence EvidenceReader::read(const GuestMemory& memory, bool with_scheduling) const {
  Evidence evidence;
  for (uint32_t cpu = 0; cpu < impl_->kernel.facts().cpus; ++cpu) {
    Result<CpuEvidence> one = impl_->read_cpu(memory, CpuId(cpu), with_scheduling);
    evidence.cpus.push_back(one.ok() ? std::move(*one) : CpuEvidence{});
  }
  const Result<int64_t> depth = impl_->read_bypass_depth(memory);
  if (depth.ok()) evidence.bypass_depth = *depth;
  for (const auto& [name, at] : impl_->seqcounts) {
    const Result<uint64_t> sequence = impl_->kernel.read_uint(memory, at, sizeof(uint32_t));
    if (sequence.ok()) evidence.seqcounts.push_back({name, static_cast<uint32_t>(*sequence)});
  }
  return evidence;
}

std::vector<UsedLayout> EvidenceReader::take_used_layouts() { return impl_->log.take(); }

std::string class_name(const Kernel& kernel, GuestVirtual at) {
  std::string text = kernel.describe(at);
  // describe() gives an offset only within a symbol; a class is at its symbol's start.
  if (text.ends_with("+0x0")) text.resize(text.size() - 4);
  return text.empty() ? fmt::format("{:#x}", at.value) : text;
}

void write_evidence(const Kernel& kernel, const CpuEvidence& evidence,
                    schema::VcpuState::Builder to) {
  to.setKernelStateKnown(evidence.known);
  to.setPreemptCount(evidence.preempt_count);
  to.setCurrentPid(evidence.current_pid.value);
  to.setCurrentComm(as_data(evidence.current_comm));
  to.setRunqueueLocked(evidence.runqueue_locked);
  if (evidence.known) to.setContext(record_context(evidence.context));
  if (evidence.current_policy) to.setCurrentPolicy(*evidence.current_policy);
  if (evidence.current_class) to.setCurrentClass(class_name(kernel, *evidence.current_class));
  if (evidence.current_priority) to.setCurrentPriority(*evidence.current_priority);
  if (evidence.current_rt_priority) to.setCurrentRtPriority(*evidence.current_rt_priority);
}

}  // namespace ktape
