// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/sched_ext_state.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "guest/kernel/sched/scx_exit.h"
#include "guest/kernel/types/sizes.h"

namespace ktape {

namespace {

// The level becomes an offset into ancestors[]: a larger one is damage.
constexpr uint64_t kMaxLevels = 16;
constexpr size_t kMaxSchedTextBytes = 4096;

constexpr std::string_view kSched = "struct scx_sched";
constexpr std::string_view kAnnounced = "state_add_uevent_sent";

}  // namespace

struct SchedExtReader::Impl {
  explicit Impl(const Kernel& adopted) : kernel(adopted) {}

  Result<void> resolve();
  std::optional<FieldInfo> optional_field(std::string_view path) const;
  Result<void> resolve_announced();
  Result<void> resolve_exit_function();
  Result<uint64_t> value(const GuestMemory& memory, GuestVirtual object,
                         const FieldInfo& field) const;
  Result<GuestVirtual> pointer(const GuestMemory& memory, GuestVirtual at) const;
  Result<std::string> pointed_text(const GuestMemory& memory, GuestVirtual object,
                                   const FieldInfo& field, size_t limit) const;
  Result<void> add_children(const GuestMemory& memory, LinkedSchedulers& all,
                            std::unordered_set<uint64_t>& seen, size_t of) const;
  Result<std::vector<std::string>> ops(const GuestMemory& memory, GuestVirtual scheduler) const;
  Result<uint32_t> timeout_ms(const GuestMemory& memory, GuestVirtual scheduler) const;
  Result<void> read_sub(const GuestMemory& memory, SchedulerState& state) const;

  const Kernel& kernel;
  GuestVirtual root, free_function, exit_function{0};
  FieldInfo name, flags, exit_info, free_work;
  uint64_t exit_work_offset = 0;  // of the exit function's argument
  uint64_t announced_bit = 0;     // from the start of a scheduler
  std::optional<ScxExitInfoReader> exits;
  std::optional<FieldInfo> claimed, is_cid, ops_timeout, watchdog, children, sibling, level,
      ancestors, cgroup;
  std::optional<GuestVirtual> global_watchdog, enabled_key;
  uint64_t partial_flag = 0;
  uint64_t exit_done = 0;  // value of `claimed` once the exit is written
};

// Names that nothing works without are errors; those that came or went between releases are
// optional.
Result<void> SchedExtReader::Impl::resolve() {
  KTAPE_ASSIGN(root, kernel.symbol("scx_root"));
  KTAPE_ASSIGN(free_function, kernel.symbol(kSchedulerFreeFunction));
  KTAPE_ASSIGN(name, kernel.btf().field(kSched, "ops.name"));
  KTAPE_ASSIGN(flags, kernel.btf().field(kSched, "ops.flags"));
  KTAPE_ASSIGN(exit_info, kernel.btf().field(kSched, "exit_info"));
  KTAPE_ASSIGN(free_work, kernel.btf().field(kSched, "rcu_work.work"));
  KTAPE_ASSIGN(exits, ScxExitInfoReader::create(kernel));
  const auto flag = kernel.btf().enumerator("scx_ops_flags", "SCX_OPS_SWITCH_PARTIAL");
  if (!flag) return Error{ErrorCode::kNotFound, "this kernel has no SCX_OPS_SWITCH_PARTIAL", ""};
  partial_flag = *flag;
  KTAPE_TRY(resolve_announced());
  KTAPE_TRY(resolve_exit_function());
  is_cid = optional_field("is_cid_type");
  ops_timeout = optional_field("ops.timeout_ms");
  // One watchdog per scheduler since there are sub-schedulers; one in total before that. A bit that
  // the kernel sets at the end of an enable: see was_enabled().
  watchdog = optional_field("watchdog_timeout");
  if (const auto global = kernel.symbol("scx_watchdog_timeout"); global.ok())
    global_watchdog = *global;
  if (const auto key = kernel.symbol("__scx_enabled"); key.ok()) enabled_key = *key;
  children = optional_field("children");
  sibling = optional_field("sibling");
  level = optional_field("level");
  ancestors = optional_field("ancestors");
  cgroup = optional_field("cgrp_path");
  return {};
}

std::optional<FieldInfo> SchedExtReader::Impl::optional_field(std::string_view path) const {
  const Result<FieldInfo> found = kernel.btf().field(kSched, path);
  return found.ok() ? std::optional(*found) : std::nullopt;
}

// A bit-field, which a path of fields cannot reach.
Result<void> SchedExtReader::Impl::resolve_announced() {
  KTAPE_ASSIGN(const FieldInfo kobject, kernel.btf().field(kSched, "kobj"));
  KTAPE_ASSIGN(const std::vector<MemberInfo> members, kernel.btf().members(kobject.type.id));
  // Searched by name among all members, since Btf::member() refuses bit-fields.
  for (const MemberInfo& member : members) {
    if (member.name != kAnnounced || member.bits != 1) continue;
    announced_bit = kobject.offset_bytes * 8 + member.bit_offset;
    return {};
  }
  return Error{ErrorCode::kNotFound,
               "this kernel's 'struct kobject' has no bit '" + std::string(kAnnounced) + "'", ""};
}

Result<void> SchedExtReader::Impl::resolve_exit_function() {
  if (const auto done = kernel.btf().enumerator("scx_exit_kind", "SCX_EXIT_DONE")) {
    claimed = optional_field("exit_kind");
    exit_done = *done;
  }
  const std::string_view function = scx_exit_function(kernel.knowledge());
  // Without either the machine cannot be stopped before a scheduler is torn down, which is not
  // needed to read its state.
  if (function.empty() || scx_exit_argument(kernel.knowledge()).empty()) return {};
  KTAPE_ASSIGN(const FieldInfo work,
               kernel.btf().field(kSched, scx_exit_argument(kernel.knowledge())));
  exit_work_offset = work.offset_bytes;
  KTAPE_ASSIGN(exit_function, kernel.symbol(function));
  return {};
}

Result<uint64_t> SchedExtReader::Impl::value(const GuestMemory& memory, GuestVirtual object,
                                             const FieldInfo& field) const {
  return kernel.read_uint(memory, object + field.offset_bytes, field.type.size_bytes);
}

Result<GuestVirtual> SchedExtReader::Impl::pointer(const GuestMemory& memory,
                                                   GuestVirtual at) const {
  KTAPE_ASSIGN(const uint64_t address, kernel.read_uint(memory, at, kPointerBytes));
  return GuestVirtual(address);
}

Result<std::string> SchedExtReader::Impl::pointed_text(const GuestMemory& memory,
                                                       GuestVirtual object, const FieldInfo& field,
                                                       size_t limit) const {
  KTAPE_ASSIGN(const GuestVirtual at, pointer(memory, object + field.offset_bytes));
  return at.value == 0 ? std::string() : text_at(kernel, memory, at, limit);
}

Result<void> SchedExtReader::Impl::add_children(const GuestMemory& memory, LinkedSchedulers& all,
                                                std::unordered_set<uint64_t>& seen,
                                                size_t of) const {
  const GuestVirtual head = all.addresses[of] + children->offset_bytes;
  KTAPE_ASSIGN(GuestVirtual link, pointer(memory, head));
  // A NULL link is a child list that was never initialised.
  while (link != head && link.value != 0) {
    const GuestVirtual child(link.value - sibling->offset_bytes);
    // Memory that is being changed, or is damaged, must not cause an endless loop.
    if (!seen.insert(child.value).second) break;
    all.more = all.addresses.size() == kMaxSchedulers;
    if (all.more) break;
    all.addresses.push_back(child);
    KTAPE_ASSIGN(link, pointer(memory, link));
  }
  return {};
}

Result<std::vector<std::string>> SchedExtReader::Impl::ops(const GuestMemory& memory,
                                                           GuestVirtual scheduler) const {
  // Schedulers that identify CPUs by cid have separate callbacks, in a union with the others.
  uint64_t by_cid = 0;
  if (is_cid) {
    KTAPE_ASSIGN(by_cid, value(memory, scheduler, *is_cid));
  }
  KTAPE_ASSIGN(const FieldInfo table, kernel.btf().field(kSched, by_cid != 0 ? "ops_cid" : "ops"));
  std::vector<std::string> implemented;
  KTAPE_ASSIGN(const std::vector<MemberInfo> members, kernel.btf().members(table.type.id));
  for (const MemberInfo& member : members) {
    // `priv` is the only pointer that is not a callback. By type and not by a list of names, so
    // that callbacks of newer kernels are found, too.
    const Result<TypeInfo> type = kernel.btf().type(member.type_id);
    if (!type.ok() || type->kind != TypeKind::kPointer || member.name == "priv") continue;
    KTAPE_ASSIGN(const GuestVirtual function,
                 pointer(memory, scheduler + table.offset_bytes + member.bit_offset / 8));
    if (function.value != 0) implemented.push_back(member.name);
  }
  return implemented;
}

// The timeout in use by the kernel, in jiffies, if readable; otherwise the one that the scheduler
// requested.
Result<uint32_t> SchedExtReader::Impl::timeout_ms(const GuestMemory& memory,
                                                  GuestVirtual scheduler) const {
  const uint32_t hz = kernel.facts().hz;
  if (hz != 0 && (watchdog || global_watchdog)) {
    const Result<uint64_t> jiffies =
        watchdog ? value(memory, scheduler, *watchdog)
                 : kernel.read_uint(memory, *global_watchdog, sizeof(uint64_t));
    if (!jiffies.ok()) return jiffies.error();
    // A timeout above 32 bits of jiffies is no timeout: fall through to what the scheduler asked
    // for.
    if (*jiffies <= UINT32_MAX)
      return static_cast<uint32_t>(std::min<uint64_t>(*jiffies * 1000 / hz, UINT32_MAX));
  }
  if (!ops_timeout) return uint32_t{0};
  KTAPE_ASSIGN(const uint64_t asked, value(memory, scheduler, *ops_timeout));
  return static_cast<uint32_t>(asked);
}

Result<void> SchedExtReader::Impl::read_sub(const GuestMemory& memory,
                                            SchedulerState& state) const {
  if (!level || !ancestors) return {};
  KTAPE_ASSIGN(const uint64_t depth, value(memory, state.address, *level));
  // Level 0 is the root scheduler, which has no parent.
  if (depth == 0 || depth > kMaxLevels) return {};
  // scx_parent(): ancestors[] ends with the scheduler itself.
  const GuestVirtual above = state.address + ancestors->offset_bytes + (depth - 1) * kPointerBytes;
  KTAPE_ASSIGN(state.parent, pointer(memory, above));
  if (!cgroup) return {};
  KTAPE_ASSIGN(state.cgroup, pointed_text(memory, state.address, *cgroup, kMaxSchedTextBytes));
  return {};
}

SchedExtReader::SchedExtReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SchedExtReader::~SchedExtReader() = default;

Result<std::unique_ptr<SchedExtReader>> SchedExtReader::create(const Kernel& kernel) {
  auto impl = std::make_unique<Impl>(kernel);
  KTAPE_TRY(impl->resolve());
  return std::unique_ptr<SchedExtReader>(new SchedExtReader(std::move(impl)));
}

Result<LinkedSchedulers> SchedExtReader::linked(const GuestMemory& memory) const {
  LinkedSchedulers all;
  KTAPE_ASSIGN(const GuestVirtual root, impl_->pointer(memory, impl_->root));
  if (root.value == 0) return all;
  all.addresses.push_back(root);
  if (!impl_->children || !impl_->sibling) return all;
  std::unordered_set<uint64_t> seen{root.value};
  // `addresses` grows while it is walked: breadth first, which puts parents before their children.
  for (size_t i = 0; i < all.addresses.size() && !all.more; ++i)
    KTAPE_TRY(impl_->add_children(memory, all, seen, i));
  return all;
}

Result<SchedulerState> SchedExtReader::read(const GuestMemory& memory,
                                            GuestVirtual scheduler) const {
  SchedulerState state;
  state.address = scheduler;
  state.name = text_at(impl_->kernel, memory, scheduler + impl_->name.offset_bytes,
                       std::min<size_t>(impl_->name.type.size_bytes, kMaxSchedTextBytes));
  KTAPE_ASSIGN(const uint64_t flags, impl_->value(memory, scheduler, impl_->flags));
  state.partial = (flags & impl_->partial_flag) != 0;
  KTAPE_ASSIGN(state.ops, impl_->ops(memory, scheduler));
  KTAPE_ASSIGN(state.timeout_ms, impl_->timeout_ms(memory, scheduler));
  KTAPE_TRY(impl_->read_sub(memory, state));
  return state;
}

Result<bool> SchedExtReader::was_enabled(const GuestMemory& memory, GuestVirtual scheduler) const {
  KTAPE_ASSIGN(
      const uint64_t byte,
      impl_->kernel.read_uint(memory, scheduler + impl_->announced_bit / 8, sizeof(uint8_t)));
  // A bit-field's byte: x86 numbers its bits from the lowest.
  return (byte >> impl_->announced_bit % 8 & 1) != 0;
}

Result<std::optional<SchedulerExitInfo>> SchedExtReader::exit(const GuestMemory& memory,
                                                              GuestVirtual scheduler) const {
  if (impl_->claimed) {
    KTAPE_ASSIGN(const uint64_t claimed, impl_->value(memory, scheduler, *impl_->claimed));
    // Claimed but not done: message and dump are still being written (kernel/sched/ext.c,
    // scx_vexit() and the irq_work behind it).
    if (claimed != impl_->exit_done) return std::optional<SchedulerExitInfo>();
  }
  return exit_so_far(memory, scheduler);
}

Result<std::optional<SchedulerExitInfo>> SchedExtReader::exit_so_far(const GuestMemory& memory,
                                                                     GuestVirtual scheduler) const {
  KTAPE_ASSIGN(const GuestVirtual info,
               impl_->pointer(memory, scheduler + impl_->exit_info.offset_bytes));
  KTAPE_ASSIGN(const uint64_t kind, impl_->exits->kind(memory, info));
  if (kind == 0) return std::optional<SchedulerExitInfo>();  // SCX_EXIT_NONE
  KTAPE_ASSIGN(SchedulerExitInfo exit, impl_->exits->read(memory, info));
  KTAPE_ASSIGN(exit.dump, impl_->exits->dump(memory, info));
  return std::optional<SchedulerExitInfo>(std::move(exit));
}

Result<bool> SchedExtReader::has_tasks(const GuestMemory& memory) const {
  if (!impl_->enabled_key) return false;
  // struct static_key begins with its count (include/linux/jump_label.h).
  KTAPE_ASSIGN(const uint64_t count,
               impl_->kernel.read_uint(memory, *impl_->enabled_key, sizeof(uint32_t)));
  return count != 0;
}

GuestVirtual SchedExtReader::free_function() const { return impl_->free_function; }

// container_of(to_rcu_work(work), struct scx_sched, rcu_work).
GuestVirtual SchedExtReader::scheduler_to_free(uint64_t argument) const {
  return GuestVirtual(argument - impl_->free_work.offset_bytes);
}

GuestVirtual SchedExtReader::exit_function() const { return impl_->exit_function; }

GuestVirtual SchedExtReader::scheduler_to_exit(uint64_t argument) const {
  return GuestVirtual(argument - impl_->exit_work_offset);
}

}  // namespace ktape
