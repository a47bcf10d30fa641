// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace ktape {

// Keeps the last bytes of a text and counts those before: the end of a verifier log shows what was
// refused.
class OutputTail {
 public:
  explicit OutputTail(size_t bytes) : most_(bytes) {}

  void add(std::string_view text) {
    text_ += text;
    if (text_.size() <= most_) return;
    lost_ += text_.size() - most_;
    text_.erase(0, text_.size() - most_);
  }
  void clear() {
    text_.clear();
    lost_ = 0;
  }
  // text(), which is empty afterwards; lost() keeps its count.
  [[nodiscard]] std::string take() { return std::exchange(text_, {}); }
  [[nodiscard]] const std::string& text() const { return text_; }
  // Bytes before `text()` that are left out.
  [[nodiscard]] uint64_t lost() const { return lost_; }

 private:
  size_t most_;
  std::string text_;
  uint64_t lost_ = 0;
};

}  // namespace ktape
