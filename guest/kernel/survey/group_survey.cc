// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/survey/group_survey.h"

#include <algorithm>
#include <span>
#include <string>

#include "guest/kernel/types/sizes.h"
#include "guest/kernel/types/survey_types.h"

namespace ktape {

namespace {

constexpr uint64_t kMaxCgroupNameBytes = 256;  // NAME_MAX plus NUL
constexpr size_t kMaxCgroupDepth = 256;        // of nested cgroups: a damaged chain may be endless
constexpr const char* kGroup = "struct task_group";

// The size of a member's target through `pointers` pointers; 0 if it is not such a member.
uint64_t pointed_bytes(const Btf& btf, std::string_view member, int pointers) {
  const std::optional<FieldInfo> field = field_of(btf, kGroup, member);
  if (!field) return 0;
  TypeInfo type = field->type;
  for (int i = 0; i < pointers; ++i) {
    if (type.kind != TypeKind::kPointer) return 0;
    Result<TypeInfo> target = btf.type(type.target_id);
    if (!target.ok()) return 0;
    type = std::move(target).value();
  }
  return type.kind == TypeKind::kStruct ? type.size_bytes : 0;
}

}  // namespace

GroupSurvey::GroupSurvey(const Kernel& kernel) {
  const Btf& btf = kernel.btf();
  group_bytes_ = size_of(btf, kGroup);
  list_ = offset_of(btf, kGroup, "list");
  parent_ = offset_of(btf, kGroup, "parent");
  css_cgroup_ = offset_of(btf, kGroup, "css.cgroup");
  autogroup_ = offset_of(btf, kGroup, "autogroup");
  autogroup_bytes_ = size_of(btf, "struct autogroup");
  cgroup_bytes_ = size_of(btf, "struct cgroup");
  cgroup_node_ = offset_of(btf, "struct cgroup", "kn");
  node_bytes_ = size_of(btf, "struct kernfs_node");
  node_name_ = offset_of(btf, "struct kernfs_node", "name");
  node_parent_ = offset_of(btf, "struct kernfs_node", "parent");
  // 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent.")
  if (!node_parent_) node_parent_ = offset_of(btf, "struct kernfs_node", "__parent");
  find_per_cpu_members(btf);
}

// Arrays of pointers, until the fair class's parts became one per-CPU allocation (struct
// cfs_tg_state). Only the number of pointers in BTF shows which it is, because __percpu may be
// missing.
void GroupSurvey::find_per_cpu_members(const Btf& btf) {
  for (const char* name : {"se", "cfs_rq", "rt_se", "rt_rq"}) {
    const auto offset = offset_of(btf, kGroup, name);
    if (!offset) continue;
    if (const uint64_t bytes = pointed_bytes(btf, name, 2)) arrays_.push_back({*offset, bytes});
  }
  const uint64_t bytes = pointed_bytes(btf, "cfs_rq", 1);
  if (bytes == 0) return;
  per_cpu_ = PerCpuMember{*offset_of(btf, kGroup, "cfs_rq"), bytes};
  // sched_entity and statistics follow the queue in struct cfs_tg_state; only if the queue is its
  // first member is one size enough for both.
  const bool begins = offset_of(btf, "struct cfs_tg_state", "cfs_rq") == uint64_t{0};
  state_bytes_ = std::max(bytes, begins ? size_of(btf, "struct cfs_tg_state") : 0);
}

void GroupSurvey::groups(MemorySurvey& survey) const {
  const auto head = survey.symbol("task_groups");
  if (!head || !list_) return;
  survey.list(*head, [&](GuestVirtual link) {
    group(survey, GuestVirtual(link.value - *list_));
    return true;
  });
}

void GroupSurvey::group(MemorySurvey& survey, GuestVirtual group) const {
  if (!survey.keep(group, group_bytes_)) return;
  for (const PerCpuMember& member : arrays_) pointer_array(survey, group, member);
  per_cpu_part(survey, group);
  if (css_cgroup_) {
    if (const auto found = survey.pointer(group + *css_cgroup_)) cgroup(survey, *found);
  }
  if (autogroup_) {
    if (const auto found = survey.pointer(group + *autogroup_))
      survey.keep(*found, autogroup_bytes_);
  }
}

// The root group has no entities: its array of them is NULL.
void GroupSurvey::pointer_array(MemorySurvey& survey, GuestVirtual group,
                                const PerCpuMember& member) const {
  const auto array = survey.pointer(group + member.offset);
  if (!array) return;
  std::vector<uint64_t> pointers(survey.kernel().facts().cpus);
  if (!survey.read(*array, std::as_writable_bytes(std::span(pointers)))) return;
  // A group's arrays have one pointer for each possible CPU.
  for (const uint64_t pointer : pointers) {
    if (pointer != 0) survey.keep(GuestVirtual(pointer), member.bytes);
  }
}

// The root group's queue is the one in struct rq, without an entity after it.
void GroupSurvey::per_cpu_part(MemorySurvey& survey, GuestVirtual group) const {
  if (!per_cpu_) return;
  const auto pointer = survey.pointer(group + per_cpu_->offset);
  if (!pointer) return;
  const bool has_entity = parent_ && survey.pointer(group + *parent_);
  const Kernel& kernel = survey.kernel();
  for (uint32_t cpu = 0; cpu < kernel.facts().cpus; ++cpu) {
    // A per-CPU pointer, not an ordinary one: its value is an offset.
    const Result<GuestVirtual> at =
        kernel.per_cpu_pointer(survey.memory(), pointer->value, CpuId(cpu));
    if (at.ok()) survey.keep(*at, has_entity ? state_bytes_ : per_cpu_->bytes);
  }
}

void GroupSurvey::cgroup(MemorySurvey& survey, GuestVirtual cgroup) const {
  if (!survey.keep(cgroup, cgroup_bytes_) || !cgroup_node_) return;
  // To the root of the hierarchy: the path is what names a group.
  std::optional<GuestVirtual> node = survey.pointer(cgroup + *cgroup_node_);
  for (size_t depth = 0; node && depth < kMaxCgroupDepth; ++depth) {
    if (!survey.keep(*node, node_bytes_)) return;
    if (node_name_) {
      if (const auto name = survey.pointer(*node + *node_name_))
        survey.keep_text(*name, kMaxCgroupNameBytes);
    }
    if (!node_parent_) return;
    node = survey.pointer(*node + *node_parent_);
  }
  // More levels than a hierarchy has: the chain is damaged.
  if (node) survey.lose();
}

}  // namespace ktape
