// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/blob.h>
#include <capnp/list.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "schema/op.capnp.h"
#include "schema/tape/projection/projection.h"
#include "schema/wire/enum_name.h"

namespace ktape::cells {

// `printable` (schema/base/text.h) line by line: line ends are kept.
[[nodiscard]] std::string printable_lines(std::string_view text);

// A value for people: decimal, x'...' for bytes (the first 256), "set 0x10" and "clear 0x10" for
// bits, "[1, 2]" for lists. Text that grows too long ends in "...".
[[nodiscard]] std::string value_text(schema::Value::Reader value);

[[nodiscard]] Cell count(uint64_t value);          // INTEGER; from 2^63 on SQLite stores a REAL
[[nodiscard]] Cell guest_time(uint64_t guest_ns);  // NULL for 0: it did not come from the guest
[[nodiscard]] inline Cell number(int64_t value) { return value; }
[[nodiscard]] inline Cell flag(bool value) { return int64_t{value}; }
[[nodiscard]] Cell plain(std::string_view text);
[[nodiscard]] Cell text(capnp::Text::Reader text);
[[nodiscard]] Cell text(capnp::Data::Reader data);
// One cell, blank-separated: arguments are shown, not parsed again.
[[nodiscard]] Cell joined(capnp::List<capnp::Text>::Reader list);
[[nodiscard]] Cell hex(uint64_t value);                 // "0x1f"
[[nodiscard]] Cell address(uint64_t value);             // the same, NULL for 0
[[nodiscard]] Cell digest(capnp::Data::Reader data);    // hex digits; NULL when empty
[[nodiscard]] Cell utc(uint64_t realtime_ns);           // "2026-11-22T09:42:18Z"; NULL for 0
[[nodiscard]] Cell value(schema::Value::Reader value);  // value_text; NULL for none
[[nodiscard]] Cell optional(bool known, Cell cell);     // NULL when not known

template <typename Enum>
[[nodiscard]] Cell name(Enum value) {
  return enum_name(value);
}

}  // namespace ktape::cells
