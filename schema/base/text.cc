// SPDX-License-Identifier: Apache-2.0
#include "schema/base/text.h"

#include <cstdint>
#include <cstdio>

#include "schema/base/digest.h"

namespace ktape {

namespace {

struct CodePoint {
  size_t bytes = 0;  // 0: not UTF-8
  uint32_t value = 0;
};

// The code point at the start of `text`; overlong forms, surrogates and truncated sequences are
// rejected.
CodePoint first_code_point(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t lead = byte(0);
  if (lead < 0x80) return {1, lead};
  size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  // 0xc0 and 0xc1 begin overlong forms only, and 0xf5 and above no code point.
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  uint32_t value = lead & (0x7f >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kSmallest[bytes] || value > 0x10ffff || surrogate) return {};
  return {bytes, value};
}

// Terminals interpret C1 controls like C0; the others reorder or hide the text around them.
bool acts_on_terminal(uint32_t c) {
  // Zero-width and bidirectional characters can make a line read other than it is.
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

// The number of leading bytes that need no escape: most of what is ever printed.
size_t plain_bytes(std::string_view text) {
  // `char` is signed here: bytes of 0x80 and above compare below 0x20, and are not plain.
  size_t plain = 0;
  while (plain < text.size() && text[plain] >= 0x20 && text[plain] < 0x7f && text[plain] != '\\')
    ++plain;
  return plain;
}

std::string escaped(uint32_t c) {
  if (c == '\n') return "\\n";
  if (c == '\t') return "\\t";
  if (c == '\r') return "\\r";
  char text[16];
  std::snprintf(text, sizeof text, c < 0x80 ? "\\x%02x" : "\\u{%04x}", static_cast<unsigned>(c));
  return text;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    CodePoint point = first_code_point(text);
    if (point.bytes == 0) return false;
    text.remove_prefix(point.bytes);
  }
  return true;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (;;) {
    const size_t plain = plain_bytes(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return out;
    CodePoint point = first_code_point(text);
    if (point.bytes == 0) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02x",
                    static_cast<unsigned>(static_cast<uint8_t>(text[0])));
      out += hex;
      text.remove_prefix(1);
      continue;
    }
    if (point.value == '\\') {
      out += "\\\\";
    } else if (acts_on_terminal(point.value)) {
      out += escaped(point.value);
    } else {
      out += text.substr(0, point.bytes);
    }
    text.remove_prefix(point.bytes);
  }
}

std::string bounded(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  size_t kept = bytes;
  while (kept > 0 && (static_cast<uint8_t>(text[kept]) & 0xc0) == 0x80) --kept;
  const std::string more = std::to_string(text.size() - kept);
  return std::string(text.substr(0, kept)) + " (… " + more + " more bytes)";
}

std::string in_quotes(std::string_view text) { return "'" + printable(text) + "'"; }

std::string json_string(std::string_view text) {
  // JSON is UTF-8, and kernel text need not be: the bytes survive as hex.
  if (!is_utf8(text)) return "{\"hex\":\"" + to_hex(as_bytes(text)) + "\"}";
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      // DEL is no control character to JSON, but it is to a terminal.
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace ktape
