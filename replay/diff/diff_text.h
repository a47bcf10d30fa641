// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "replay/diff/diff.h"
#include "schema/base/command/terminal.h"

namespace ktape {

// A comparison as text. `all`: also the hidden differences, with the reason.

// For people, 100 columns.
[[nodiscard]] std::string diff_as_text(const DiffSide& a, const DiffSide& b, const Diff& diff,
                                       bool all, Colors colors = {});
// For an issue tracker or a mail client that shows Markdown.
[[nodiscard]] std::string diff_as_markdown(const DiffSide& a, const DiffSide& b, const Diff& diff,
                                           bool all);

// Whether a difference is shown: hidden ones where all is asked for.
[[nodiscard]] bool is_shown(const Difference& one, bool all);
// How many are hidden, by why.
[[nodiscard]] std::map<HiddenClass, size_t> hidden_counts(const Diff& diff);

}  // namespace ktape
