// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "guest/inside/schedulers/output_tail.h"

namespace ktape {

// Lets a program's output through up to a number of bytes, keeps the last bytes of what comes
// after, which tell how it ended, and counts those between.
class OutputLimit {
 public:
  OutputLimit(size_t bytes, size_t last_bytes) : left_(bytes), last_(last_bytes) {}

  // The part of `text` that may pass: a beginning of it.
  [[nodiscard]] std::string_view pass(std::string_view text) {
    const std::string_view passed = text.substr(0, left_);
    left_ -= passed.size();
    last_.add(text.substr(passed.size()));
    return passed;
  }
  // Bytes left out since the last call.
  [[nodiscard]] uint64_t take_lost() { return last_.lost() - std::exchange(told_, last_.lost()); }
  // The last bytes of what did not pass; behind those that take_lost() has counted. For when no
  // more is to come.
  [[nodiscard]] std::string take_last() { return last_.take(); }

 private:
  size_t left_;
  OutputTail last_;
  uint64_t told_ = 0;
};

}  // namespace ktape
