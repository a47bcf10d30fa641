// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
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

// A copy of them.
template <typename Reader>
[[nodiscard]] std::string string_of(const Reader& reader) {
  return std::string(chars(reader));
}

// The bytes as characters; valid as long as the bytes.
[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The first bytes of a longer text, and how many there are besides: "abc (… 17 more bytes)". No
// character is cut in two.
[[nodiscard]] std::string bounded(std::string_view text, size_t bytes);

// printable() in single quotes.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace ktape
