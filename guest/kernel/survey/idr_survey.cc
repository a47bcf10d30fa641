// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/survey/idr_survey.h"

#include <span>
#include <vector>

#include "guest/kernel/sched/xarray.h"

namespace ktape {

namespace {

using xarray::is_internal;
using xarray::is_node;
using xarray::kInternal;

constexpr uint64_t kMaxSlots = 64;  // XA_CHUNK_SIZE is at most this

}  // namespace

std::optional<IdrSurvey> IdrSurvey::create(const Btf& btf) {
  const Result<FieldInfo> head = btf.field("struct idr", "idr_rt.xa_head");
  const Result<FieldInfo> shift = btf.field("struct xa_node", "shift");
  const Result<FieldInfo> slots = btf.field("struct xa_node", "slots");
  const Result<TypeInfo> node = btf.type("struct xa_node");
  if (!head.ok() || !shift.ok() || !slots.ok() || !node.ok() || slots->type.elements > kMaxSlots) {
    return std::nullopt;
  }
  IdrSurvey survey;
  survey.head_offset_ = head->offset_bytes;
  survey.node_bytes_ = node->size_bytes;
  survey.shift_offset_ = shift->offset_bytes;
  survey.slots_offset_ = slots->offset_bytes;
  survey.slots_ = slots->type.elements;
  return survey;
}

void IdrSurvey::entries(MemorySurvey& survey, GuestVirtual idr,
                        const std::function<void(uint64_t)>& visit) const {
  const std::optional<uint64_t> head = survey.number(idr + head_offset_, sizeof(uint64_t));
  if (!head || *head == 0) return;
  // A tree with a single entry has it in the head, without a node.
  if (is_node(*head))
    return node(survey, GuestVirtual(*head - kInternal), xarray::kIndexBits, visit);
  if (!is_internal(*head)) visit(*head);
}

void IdrSurvey::node(MemorySurvey& survey, GuestVirtual node, uint64_t above,
                     const std::function<void(uint64_t)>& visit) const {
  std::vector<uint64_t> slots(slots_);
  const std::optional<uint64_t> shift = survey.number(node + shift_offset_, 1);
  if (!shift || !survey.keep(node, node_bytes_) ||
      !survey.read(node + slots_offset_, std::as_writable_bytes(std::span(slots)))) {
    return;
  }
  // Otherwise a node that points at itself would recurse for ever.
  if (*shift >= above) return survey.lose();
  for (const uint64_t entry : slots) {
    if (entry == 0) continue;
    // A node below the lowest level, or an entry above it, is damage: neither is followed.
    if (is_node(entry) && *shift > 0)
      this->node(survey, GuestVirtual(entry - kInternal), *shift, visit);
    if (!is_internal(entry) && *shift == 0) visit(entry);
  }
}

}  // namespace ktape
