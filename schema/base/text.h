// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ktape {

// Text in a tape may come from a hostile guest. These functions make it safe to print.

[[nodiscard]] bool is_utf8(std::string_view text);

// The text on one line: characters that a terminal interprets (control characters, bidirectional
// overrides) and bytes that are not UTF-8 become \n, \t, \r, \xNN or \u{NNNN}; a backslash is
// doubled.
[[nodiscard]] std::string printable(std::string_view text);

// The text as a JSON string with its quotes; text that is not UTF-8 as {"hex":"..."}.
[[nodiscard]] std::string json_string(std::string_view text);

// The characters of a Cap'n Proto Text or Data reader; valid as long as the reader's message.
template <typename Reader>
[[nodiscard]] std::string_view chars(const Reader& reader) {
  return {reinterpret_cast<const char*>(reader.begin()), reader.size()};
}

// printable() in single quotes.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace ktape
