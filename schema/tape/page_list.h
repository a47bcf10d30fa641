// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "schema/base/digest.h"
#include "schema/base/result.h"

namespace ktape {

// A row of freeze_page: one frame with the hash of its page, or a run of `frames` zero pages.
struct FreezePage {
  uint64_t freeze = 0;
  uint64_t frame = 0;
  uint64_t frames = 1;
  std::optional<Digest> hash;
};

// The number of frames that can exist: physical addresses of x86-64 have at most 52 bits.
inline constexpr uint64_t kFrames = uint64_t{1} << 40;

// The largest number of rows of one freeze: 16 GiB of distinct pages. Bounds what an untrusted tape
// can make a reader allocate.
inline constexpr size_t kMaxFreezeRows = size_t{4} << 20;

// Checks the form of the rows of one freeze, one after another.
class PageListOrder {
 public:
  // kBadInput for a row that is neither one page nor a run of zero frames, that reaches beyond
  // kFrames, or that does not come after the row before it.
  [[nodiscard]] Result<void> next(const FreezePage& row);

 private:
  uint64_t free_frame_ = 0;  // the first that no row covers yet
};

// What a freeze's Thawed record says about its rows of freeze_page, sorted by frame.
class PageListDigest {
 public:
  void add(const FreezePage& row);

  [[nodiscard]] uint64_t pages() const { return pages_; }  // rows that have a hash
  [[nodiscard]] Digest finish() { return digest_.finish(); }

 private:
  Sha256 digest_;
  uint64_t pages_ = 0;
};

}  // namespace ktape
