// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ktape {

// Text of a tape may come from a hostile guest. These make it safe to print.

[[nodiscard]] bool is_utf8(std::string_view text);

// The text on one line: what a terminal would act on (control characters, bidirectional overrides)
// and what is not UTF-8 appears as \n, \t, \r, \xNN or \u{NNNN}; a backslash as two.
[[nodiscard]] std::string printable(std::string_view text);

// The text as a string of JSON, in its quotes; what is not UTF-8 as {"hex":"..."}.
[[nodiscard]] std::string json_string(std::string_view text);

// The characters of a Cap'n Proto Text or Data reader; valid as long as the reader's message.
template <typename Reader>
[[nodiscard]] std::string_view chars(const Reader& reader) {
  return {reinterpret_cast<const char*>(reader.begin()), reader.size()};
}

// printable() between single quotes.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace ktape
