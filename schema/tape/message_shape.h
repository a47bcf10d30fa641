// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "schema/base/result.h"

namespace ktape {

// Follows every pointer of a message of one segment, given its words, and adds up what it reaches.
// A message from a builder reaches each of its words once. One made to exhaust its reader has many
// pointers to the same place, or lists of elements without size. kBadInput if it reaches more words
// than it has, where an element counts as at least one word, or if a pointer leads to another
// segment. Pointers out of bounds are left to the reader.
[[nodiscard]] Result<void> check_shape(std::span<const uint64_t> words);

}  // namespace ktape
