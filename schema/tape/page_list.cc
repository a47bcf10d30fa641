// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/page_list.h"

#include <algorithm>
#include <array>

namespace ktape {

namespace {

void store_u64(uint64_t value, std::byte* to) {
  for (int i = 0; i < 8; ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
}

Error bad_row(const FreezePage& row, const char* why) {
  return Error{ErrorCode::kBadInput,
               "freeze_page (freeze " + std::to_string(row.freeze) + ", frame " +
                   std::to_string(row.frame) + ") " + why,
               ""};
}

}  // namespace

Result<void> PageListOrder::next(const FreezePage& row) {
  if (row.hash ? row.frames != 1 : row.frames == 0) {
    return bad_row(row, "is neither one page nor a run of zero pages");
  }
  // In this order: frames + frame must not wrap around.
  if (row.frame >= kFrames || row.frames > kFrames - row.frame) {
    return bad_row(row, "reaches beyond the physical address space");
  }
  // Ascending and disjoint, so each frame has one content.
  if (row.frame < free_frame_) return bad_row(row, "overlaps the row before it");
  free_frame_ = row.frame + row.frames;
  return {};
}

void PageListDigest::add(const FreezePage& row) {
  // Hash, or zeros for a run of zero frames: a page of zeros has no row with a hash.
  std::array<std::byte, 48> bytes{};
  store_u64(row.frame, bytes.data());
  store_u64(row.frames, bytes.data() + 8);
  if (row.hash) {
    std::copy(row.hash->begin(), row.hash->end(), bytes.begin() + 16);
    ++pages_;
  }
  digest_.update(bytes);
}

}  // namespace ktape
