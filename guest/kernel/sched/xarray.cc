// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/sched/xarray.h"

#include <fmt/format.h>

#include <cstring>
#include <span>
#include <vector>

namespace ktape {

namespace {

using xarray::is_internal;
using xarray::is_node;

constexpr uint64_t kMaxSlots = 64;  // XA_CHUNK_SIZE is at most this
constexpr uint64_t kMaxNodeBytes = 4096;

}  // namespace

Result<XarrayWalk> XarrayWalk::create(const Btf& btf, LayoutLog& log) {
  KTAPE_ASSIGN(const FieldInfo head, log.field("struct xarray", "xa_head"));
  KTAPE_ASSIGN(const FieldInfo shift, log.field("struct xa_node", "shift"));
  KTAPE_ASSIGN(const FieldInfo slots, log.field("struct xa_node", "slots"));
  XarrayWalk walk;
  walk.head_offset_ = head.offset_bytes;
  walk.shift_offset_ = shift.offset_bytes;
  walk.slots_offset_ = slots.offset_bytes;
  walk.slots_ = slots.type.elements;
  KTAPE_ASSIGN(const TypeInfo node, btf.type("struct xa_node"));
  // All of it, although the marks are not used: what a survey reads is what a tape keeps.
  walk.node_bytes_ = node.size_bytes;
  const uint64_t end = slots.offset_bytes + slots.type.elements * sizeof(uint64_t);
  if (walk.slots_ > kMaxSlots || walk.node_bytes_ > kMaxNodeBytes || end > walk.node_bytes_ ||
      walk.shift_offset_ >= walk.node_bytes_) {
    return Error{ErrorCode::kBadInput, "the kernel's 'struct xa_node' has an unknown layout", ""};
  }
  return walk;
}

struct XarrayWalk::Walk {
  const XarrayWalk& of;
  WalkMemory& memory;
  const Entries entries;
  const Visit& visit;

  // `above`: the shift of its parent. `first`: the lowest index in it.
  Result<void> node(GuestVirtual at, uint64_t above, uint64_t first) {
    std::vector<std::byte> bytes(of.node_bytes_);
    const Result<void> read = memory.read(at, bytes);
    if (!read.ok()) return memory.unreadable(read.error());
    const auto shift = static_cast<uint64_t>(bytes[of.shift_offset_]);
    // Bounds the depth, also of a node that points at itself. Not the time: many slots may lead to
    // one node, so a caller's memory bounds how much is read.
    if (shift >= above) {
      return memory.damaged(
          fmt::format("a node of shift {} is at or below one of shift {}", shift, above));
    }
    for (uint64_t i = 0; i < of.slots_; ++i) {
      uint64_t entry = 0;
      std::memcpy(&entry, &bytes[of.slots_offset_ + i * sizeof entry], sizeof entry);
      KTAPE_TRY(slot(entry, shift, first + (i << shift)));
    }
    return {};
  }

  Result<void> slot(uint64_t entry, uint64_t shift, uint64_t index) {
    // Retry, zero and sibling entries hold nothing of their own.
    if (entry == 0 || (is_internal(entry) && !is_node(entry))) return {};
    if (is_node(entry)) {
      if (shift == 0) return memory.damaged("a node is below the lowest level");
      return node(GuestVirtual(entry - xarray::kInternal), shift, index);
    }
    if (shift > 0 && entries == Entries::kSingle)
      return memory.damaged("an entry is above the lowest level");
    return visit(index, entry);
  }
};

Result<void> XarrayWalk::walk(WalkMemory& memory, GuestVirtual xarray, Entries entries,
                              const Visit& visit) const {
  uint64_t head = 0;
  const Result<void> read =
      memory.read(xarray + head_offset_, std::as_writable_bytes(std::span(&head, 1)));
  if (!read.ok()) return memory.unreadable(read.error());
  // A tree with a single entry, at index 0, has it in the head, without a node.
  if (head == 0 || (is_internal(head) && !is_node(head))) return {};
  if (!is_node(head)) return visit(0, head);
  Walk walk{*this, memory, entries, visit};
  return walk.node(GuestVirtual(head - xarray::kInternal), xarray::kIndexBits, 0);
}

}  // namespace ktape
