// SPDX-License-Identifier: Apache-2.0
#include "schema/journal/cells.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <limits>

#include "schema/base/digest.h"
#include "schema/wire/data.h"

namespace ktape::cells {

namespace {

constexpr size_t kMaxBytesShown = 256;
constexpr size_t kMaxValueText = 64 << 10;

bool is_continuation(std::string_view text, size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
}

// Length of the printable UTF-8 sequence that begins at `at`; 0 when there is none.
size_t sequence_at(std::string_view text, size_t at) {
  auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return (first >= 0x20 && first != 0x7f) || first == '\n' || first == '\t' ? 1 : 0;
  size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!is_continuation(text, at + i)) return 0;
  }
  auto second = static_cast<unsigned char>(text[at + 1]);
  bool control = first == 0xc2 && second < 0xa0;
  bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  bool surrogate = first == 0xed && second >= 0xa0;
  bool beyond = first == 0xf4 && second >= 0x90;
  return control || overlong || surrogate || beyond ? 0 : length;
}

std::string hex_text(uint64_t value) {
  char digits[16];
  auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  return "0x" + std::string(digits, end);
}

std::string bytes_text(capnp::Data::Reader data) {
  auto bytes = std::as_bytes(std::span(data.begin(), data.size()));
  std::string text = "x'" + to_hex(bytes.first(std::min(bytes.size(), kMaxBytesShown))) + "'";
  if (bytes.size() > kMaxBytesShown) text += "... (" + std::to_string(bytes.size()) + " bytes)";
  return text;
}

void append_value(schema::Value::Reader value, std::string& out);

void append_list(capnp::List<schema::Value>::Reader list, std::string& out) {
  out += '[';
  bool first = true;
  for (auto value : list) {
    if (!first) out += ", ";
    first = false;
    if (out.size() > kMaxValueText) {
      out += "...";
      break;
    }
    append_value(value, out);
  }
  out += ']';
}

void append_value(schema::Value::Reader value, std::string& out) {
  switch (value.which()) {
    case schema::Value::NONE: out += "none"; return;
    case schema::Value::U8: out += std::to_string(value.getU8()); return;
    case schema::Value::U16: out += std::to_string(value.getU16()); return;
    case schema::Value::U32: out += std::to_string(value.getU32()); return;
    case schema::Value::U64: out += std::to_string(value.getU64()); return;
    case schema::Value::BYTES: out += bytes_text(value.getBytes()); return;
    case schema::Value::SET_BITS: out += "set " + hex_text(value.getSetBits().getMask()); return;
    case schema::Value::CLEAR_BITS: out += "clear " + hex_text(value.getClearBits().getMask()); return;
    case schema::Value::LIST: append_list(value.getList(), out); return;
  }
  out += "unknown";
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    size_t length = sequence_at(text, at);
    if (length == 0) {
      auto raw = static_cast<std::byte>(text[at++]);
      out += "\\x" + to_hex(std::span(&raw, 1));
    } else {
      out += text.substr(at, length);
      at += length;
    }
  }
  return out;
}

std::string value_text(schema::Value::Reader value) {
  std::string out;
  append_value(value, out);
  return out;
}

Cell count(uint64_t value) {
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::to_string(value);
  return static_cast<int64_t>(value);
}

Cell plain(std::string_view text) { return printable(text); }
Cell text(capnp::Text::Reader text) { return printable({text.begin(), text.size()}); }
Cell text(capnp::Data::Reader data) { return printable(as_text(data)); }
Cell hex(uint64_t value) { return hex_text(value); }
Cell address(uint64_t value) { return optional(value != 0, hex(value)); }

Cell digest(capnp::Data::Reader data) {
  return optional(data.size() != 0, to_hex(std::as_bytes(std::span(data.begin(), data.size()))));
}

Cell utc(uint64_t realtime_ns) {
  if (realtime_ns == 0) return {};
  using namespace std::chrono;
  seconds since(realtime_ns / 1'000'000'000);
  auto day = floor<days>(since);
  year_month_day date{sys_days(day)};
  hh_mm_ss time(since - day);
  char out[64];
  std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return std::string(out);
}

Cell value(schema::Value::Reader value) { return optional(!value.isNone(), value_text(value)); }

Cell optional(bool known, Cell cell) { return known ? std::move(cell) : Cell(); }

}  // namespace ktape::cells
