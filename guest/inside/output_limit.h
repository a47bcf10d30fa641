// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace ktape {

// Lets a program's output through up to a number of bytes, and counts what comes after.
class OutputLimit {
 public:
  explicit OutputLimit(size_t bytes) : left_(bytes) {}

  // The part of `text` that may pass: a beginning of it.
  [[nodiscard]] std::string_view pass(std::string_view text) {
    const std::string_view passed = text.substr(0, left_);
    left_ -= passed.size();
    lost_ += text.size() - passed.size();
    return passed;
  }
  // Bytes left out since the last call.
  [[nodiscard]] uint64_t take_lost() { return std::exchange(lost_, 0); }

 private:
  size_t left_;
  uint64_t lost_ = 0;
};

}  // namespace ktape
