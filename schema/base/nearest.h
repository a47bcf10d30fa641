// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ktape {

// The number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`;
// case is ignored.
[[nodiscard]] size_t edit_distance(std::string_view a, std::string_view b);

// The `candidates` that a misspelt `name` may have meant: few edits away, or containing it. Best
// first, each once, at most `limit`; empty if none is near.
[[nodiscard]] std::vector<std::string> nearest(std::string_view name,
                                               std::span<const std::string> candidates,
                                               size_t limit = 3);

// "did you mean 'a', 'b' or 'c'?"; empty if none is near.
[[nodiscard]] std::string did_you_mean(std::string_view name,
                                       std::span<const std::string> candidates);

}  // namespace ktape
