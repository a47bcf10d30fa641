// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/projection/cells.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <limits>

#include "schema/base/digest.h"
#include "schema/base/text.h"

namespace ktape::cells {

namespace {

constexpr size_t kMaxBytesShown = 256;
constexpr size_t kMaxValueText = 64 << 10;

std::string hex_text(uint64_t value) {
  char digits[16];
  auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  return "0x" + std::string(digits, end);
}

std::string bytes_text(capnp::Data::Reader data) {
  auto bytes = std::as_bytes(std::span(data.begin(), data.size()));
  // SQL users see the beginning; the record has all.
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
    // Looked at before each element: nested lists share the limit.
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
    case schema::Value::CLEAR_BITS:
      out += "clear " + hex_text(value.getClearBits().getMask());
      return;
    case schema::Value::LIST: append_list(value.getList(), out); return;
  }
  out += "unknown";
}

}  // namespace

std::string printable_lines(std::string_view text) {
  std::string out;
  // Line by line, because printable() would turn the line ends into \n.
  for (size_t end; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    out += printable(text.substr(0, end)) + "\n";
  }
  return out.empty() ? printable(text) : out + printable(text);
}

std::string value_text(schema::Value::Reader value) {
  std::string out;
  append_value(value, out);
  return out;
}

Cell count(uint64_t value) {
  // As text, which the column's affinity turns into a REAL: SQLite's integers are signed.
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return std::to_string(value);
  return static_cast<int64_t>(value);
}

Cell guest_time(uint64_t guest_ns) { return optional(guest_ns != 0, count(guest_ns)); }
Cell plain(std::string_view text) { return printable_lines(text); }
Cell text(capnp::Text::Reader text) { return printable_lines(chars(text)); }
Cell text(capnp::Data::Reader data) { return printable_lines(chars(data)); }
Cell joined(capnp::List<capnp::Text>::Reader list) {
  std::string all;
  for (auto item : list) all += (all.empty() ? "" : " ") + std::string(item.begin(), item.size());
  return plain(all);
}

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
