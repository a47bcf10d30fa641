// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/evidence.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "guest/kernel/layout_log.h"
#include "guest/kernel/runqueue_lock.h"

namespace ktape {

namespace {

constexpr size_t kPointerBytes = 8;

// A per-CPU value: a variable of its own, or a member of `pcpu_hot`, where kernels 6.2 to 6.14 keep both.
struct PerCpuValue {
  std::string_view symbol;
  uint64_t offset_bytes = 0;
  uint64_t width_bytes = 0;
};

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

Result<uint64_t> read_value(const Kernel& kernel, const GuestMemory& memory, const PerCpuValue& value,
                            CpuId cpu) {
  KTAPE_ASSIGN(const GuestVirtual at, kernel.per_cpu(memory, value.symbol, cpu));
  return kernel.read_uint(memory, at + value.offset_bytes, value.width_bytes);
}

class EvidenceReader {
 public:
  explicit EvidenceReader(const Kernel& kernel) : kernel_(kernel), log_(kernel.btf()), lock_(kernel, log_) {
    preempt_count_ = find_value(kernel.btf(), "__preempt_count", "preempt_count");
    current_ = find_value(kernel.btf(), "current_task", "current_task");
    pid_ = log_.first_of("struct task_struct", {"pid"});
    comm_ = log_.first_of("struct task_struct", {"comm"});
  }

  Result<CpuEvidence> read(const GuestMemory& memory, CpuId cpu) const {
    if (!preempt_count_ || !current_ || !pid_ || !comm_) {
      return Error{ErrorCode::kNotFound, "this kernel lacks a field that the evidence needs", ""};
    }
    CpuEvidence evidence;
    KTAPE_ASSIGN(const uint64_t count, read_value(kernel_, memory, *preempt_count_, cpu));
    // The top bit is an inverted need-resched flag (arch/x86/include/asm/preempt.h).
    evidence.preempt_count = count & ~(uint64_t{1} << (preempt_count_->width_bytes * 8 - 1));
    KTAPE_ASSIGN(const uint64_t task, read_value(kernel_, memory, *current_, cpu));
    KTAPE_ASSIGN(const uint64_t pid,
                 kernel_.read_uint(memory, GuestVirtual(task) + pid_->offset_bytes, pid_->type.size_bytes));
    evidence.current_pid = Pid(static_cast<int32_t>(pid));
    KTAPE_ASSIGN(evidence.current_comm, comm(memory, GuestVirtual(task)));
    KTAPE_ASSIGN(evidence.runqueue_locked, lock_.held(memory, cpu));
    evidence.known = true;
    return evidence;
  }

 private:
  Result<std::string> comm(const GuestMemory& memory, GuestVirtual task) const {
    std::array<char, 64> text{};
    const size_t bytes = std::min<size_t>(comm_->type.size_bytes, text.size());
    KTAPE_TRY(kernel_.read(memory, task + comm_->offset_bytes,
                           std::as_writable_bytes(std::span(text).first(bytes))));
    return std::string(text.begin(), std::find(text.begin(), text.begin() + bytes, '\0'));
  }

  const Kernel& kernel_;
  LayoutLog log_;
  RunqueueLock lock_;
  std::optional<PerCpuValue> preempt_count_, current_;
  std::optional<FieldInfo> pid_, comm_;
};

// Where each scheduler has a bypass depth of its own, that of the root scheduler; 0 without one.
Result<int64_t> root_bypass_depth(const Kernel& kernel, const GuestMemory& memory) {
  KTAPE_ASSIGN(const FieldInfo depth, kernel.btf().field("struct scx_sched", "bypass_depth"));
  KTAPE_ASSIGN(const GuestVirtual root, kernel.symbol("scx_root"));
  KTAPE_ASSIGN(const uint64_t sched, kernel.read_uint(memory, root, kPointerBytes));
  if (sched == 0) return int64_t{0};
  KTAPE_ASSIGN(const uint64_t value,
               kernel.read_uint(memory, GuestVirtual(sched) + depth.offset_bytes, depth.type.size_bytes));
  return static_cast<int64_t>(value);
}

}  // namespace

std::vector<CpuEvidence> cpu_evidence(const Kernel& kernel, const GuestMemory& memory) {
  const EvidenceReader reader(kernel);
  std::vector<CpuEvidence> all;
  for (uint32_t cpu = 0; cpu < kernel.facts().cpus; ++cpu) {
    Result<CpuEvidence> one = reader.read(memory, CpuId(cpu));
    all.push_back(one.ok() ? std::move(*one) : CpuEvidence{});
  }
  return all;
}

int64_t scx_bypass_depth(const Kernel& kernel, const GuestMemory& memory) {
  // An int of its own until the schedulers got one each.
  const Result<GuestVirtual> global = kernel.symbol("scx_bypass_depth");
  if (global.ok()) {
    const Result<uint64_t> depth = kernel.read_uint(memory, *global, sizeof(int32_t));
    return depth.ok() ? static_cast<int64_t>(*depth) : -1;
  }
  const Result<int64_t> depth = root_bypass_depth(kernel, memory);
  return depth.ok() ? *depth : -1;
}

}  // namespace ktape
