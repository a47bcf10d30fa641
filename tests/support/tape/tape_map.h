// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace ktape::test {

// Which bytes of a valid tape are in use: the header, tables and rows. Not in use are the space
// between and after rows, SQLite's records of that space, and its version in the header.
[[nodiscard]] std::vector<bool> bytes_in_use(std::span<const std::byte> tape,
                                             std::span<const unsigned> roots);

}  // namespace ktape::test
