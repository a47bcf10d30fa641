// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "schema/base/digest.h"

namespace ktape {

// A row of freeze_page: one frame with the hash of its page, or `frames` that are known to be zero.
struct FreezePage {
  uint64_t freeze = 0;
  uint64_t frame = 0;
  uint64_t frames = 1;
  std::optional<Digest> hash;
};

// What a freeze's Thawed record says about its rows of freeze_page, which come sorted by frame.
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
