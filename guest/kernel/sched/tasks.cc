// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/tasks.h"

#include <string>

#include "guest/kernel/sched/xarray.h"
#include "guest/kernel/types/sizes.h"

namespace ktape {

namespace {

using xarray::is_internal;
using xarray::is_node;

}  // namespace

Result<TaskFinder> TaskFinder::create(const Kernel& kernel, LayoutLog& log) {
  TaskFinder finder(kernel);
  KTAPE_ASSIGN(const GuestVirtual init_pid_ns, kernel.symbol("init_pid_ns"));
  KTAPE_ASSIGN(const FieldInfo idr, log.field("struct pid_namespace", "idr"));
  KTAPE_ASSIGN(const FieldInfo head, log.field("struct idr", "idr_rt.xa_head"));
  KTAPE_ASSIGN(const FieldInfo base, log.field("struct idr", "idr_base"));
  KTAPE_ASSIGN(const FieldInfo shift, log.field("struct xa_node", "shift"));
  KTAPE_ASSIGN(const FieldInfo slots, log.field("struct xa_node", "slots"));
  // An enumerator, not a number: pid_type has changed its members before.
  const std::string type =
      std::to_string(kernel.btf().enumerator("pid_type", "PIDTYPE_PID").value_or(0));
  KTAPE_ASSIGN(const FieldInfo first, log.field("struct pid", "tasks[" + type + "].first"));
  KTAPE_ASSIGN(const FieldInfo link, log.field("struct task_struct", "pid_links[" + type + "]"));
  finder.idr_ = init_pid_ns + idr.offset_bytes;
  finder.head_offset_ = head.offset_bytes;
  finder.base_offset_ = base.offset_bytes;
  finder.shift_offset_ = shift.offset_bytes;
  finder.slots_offset_ = slots.offset_bytes;
  finder.slots_ = slots.type.elements;
  finder.pid_tasks_offset_ = first.offset_bytes;
  finder.pid_link_offset_ = link.offset_bytes;
  return finder;
}

// The entry at `index`, 0 if there is none. Terminates because each node's shift must be below its
// parent's.
Result<uint64_t> TaskFinder::lookup(const GuestMemory& memory, uint64_t index) const {
  KTAPE_ASSIGN(uint64_t entry, kernel_->read_uint(memory, idr_ + head_offset_, kPointerBytes));
  uint64_t above = xarray::kIndexBits;
  while (is_node(entry)) {
    const GuestVirtual node(entry - xarray::kInternal);
    // A node's shift says which bits of the index choose a slot in it; leaves have shift 0.
    KTAPE_ASSIGN(const uint64_t shift, kernel_->read_uint(memory, node + shift_offset_, 1));
    if (shift >= above) {
      return Error{ErrorCode::kBadInput,
                   "the pid IDR is damaged: a node of shift " + std::to_string(shift) +
                       " is at or below one of shift " + std::to_string(above),
                   ""};
    }
    // Only the top node may be asked for an index that the tree is too small for, so only there the
    // bits above are not cut off.
    const uint64_t slot =
        above == xarray::kIndexBits ? index >> shift : (index >> shift) & (slots_ - 1);
    if (slot >= slots_) return uint64_t{0};
    KTAPE_ASSIGN(entry, kernel_->read_uint(memory, node + slots_offset_ + slot * kPointerBytes,
                                           kPointerBytes));
    above = shift;
  }
  // Pids are at the lowest level; a tree without nodes contains only index 0.
  const bool lowest = above == 0 || (above == xarray::kIndexBits && index == 0);
  return lowest && !is_internal(entry) ? entry : uint64_t{0};
}

Result<std::optional<GuestVirtual>> TaskFinder::find(const GuestMemory& memory, Pid pid) const {
  // idr_base is an unsigned int; the tree stores ids relative to it.
  KTAPE_ASSIGN(const uint64_t base, kernel_->read_uint(memory, idr_ + base_offset_, 4));
  if (pid.value < 0 || static_cast<uint64_t>(pid.value) < base)
    return std::optional<GuestVirtual>();
  KTAPE_ASSIGN(const uint64_t found, lookup(memory, static_cast<uint64_t>(pid.value) - base));
  if (found == 0) return std::optional<GuestVirtual>();
  KTAPE_ASSIGN(const uint64_t link,
               kernel_->read_uint(memory, GuestVirtual(found) + pid_tasks_offset_, kPointerBytes));
  // A struct pid outlives its task while it is still referenced.
  if (link == 0) return std::optional<GuestVirtual>();
  // hlist_node is embedded in the task: container_of().
  return std::optional<GuestVirtual>(GuestVirtual(link - pid_link_offset_));
}

}  // namespace ktape
