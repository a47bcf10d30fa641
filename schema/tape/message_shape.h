// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "schema/base/result.h"

namespace ktape {

// Follows every pointer of a message of one segment, whose words these are, and adds up what it
// reaches. A message that was built reaches each of its words once. One that was made to exhaust
// its reader lets many pointers lead to the same place, or has lists of elements without size:
// kBadInput when it reaches more than it holds, an element counting as one word at least, or leads
// to another segment. Pointers that lead nowhere are left to the reader.
[[nodiscard]] Result<void> check_shape(std::span<const uint64_t> words);

}  // namespace ktape
