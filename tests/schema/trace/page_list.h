// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "schema/trace/event_merge.h"

namespace ktape::test {

// Sub-buffers in memory. What was handed out before is overwritten.
class PageList final : public RingPages {
 public:
  explicit PageList(std::vector<std::vector<std::byte>> pages) : pages_(std::move(pages)) {}

  Result<std::optional<std::span<const std::byte>>> next() override {
    if (taken_ > 0) pages_[taken_ - 1].assign(pages_[taken_ - 1].size(), std::byte{0xff});
    if (taken_ == pages_.size()) return std::optional<std::span<const std::byte>>();
    return std::optional<std::span<const std::byte>>(pages_[taken_++]);
  }
  // How many were handed out.
  [[nodiscard]] size_t taken() const { return taken_; }

 private:
  std::vector<std::vector<std::byte>> pages_;
  size_t taken_ = 0;
};

}  // namespace ktape::test
