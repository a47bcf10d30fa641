// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "schema/trace/event_merge.h"

namespace ktape::test {

// Sub-buffers in memory. What was handed out before is overwritten.
class PageList final : public RingPages {
 public:
  // `read_bytes` of the first were consumed in the guest.
  explicit PageList(std::vector<std::vector<std::byte>> pages, uint32_t read_bytes = 0)
      : pages_(std::move(pages)), read_bytes_(read_bytes) {}

  Result<std::optional<SubBuffer>> next() override {
    if (taken_ > 0) pages_[taken_ - 1].assign(pages_[taken_ - 1].size(), std::byte{0xff});
    if (taken_ == pages_.size()) return std::optional<SubBuffer>();
    const uint32_t read_bytes = taken_ == 0 ? read_bytes_ : 0;
    return std::optional(SubBuffer{pages_[taken_++], read_bytes});
  }
  // How many were handed out.
  [[nodiscard]] size_t taken() const { return taken_; }

 private:
  std::vector<std::vector<std::byte>> pages_;
  uint32_t read_bytes_;
  size_t taken_ = 0;
};

}  // namespace ktape::test
