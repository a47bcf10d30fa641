// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "guest/inside/schedulers/output_tail.h"

namespace ktape {

// Passes a program's output up to a number of bytes, keeps the last bytes after that, because they
// show how the program ended, and counts the bytes in between.
class OutputLimit {
 public:
  OutputLimit(size_t bytes, size_t last_bytes) : left_(bytes), last_(last_bytes) {}

  // The part of `text` that may pass: a prefix of it, valid as long as it is.
  [[nodiscard]] std::string_view pass(std::string_view text) {
    const std::string_view passed = text.substr(0, left_);
    left_ -= passed.size();
    last_.add(text.substr(passed.size()));
    return passed;
  }
  // Bytes left out since the last call.
  [[nodiscard]] uint64_t take_lost() {
    return last_.lost() - std::exchange(reported_, last_.lost());
  }
  // The last bytes that did not pass; they follow those counted by take_lost(). Call it after all
  // output.
  [[nodiscard]] std::string take_last() { return last_.take(); }

 private:
  size_t left_;
  OutputTail last_;
  uint64_t reported_ = 0;
};

}  // namespace ktape
