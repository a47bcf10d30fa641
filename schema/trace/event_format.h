// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// How the bytes of a field are understood.
enum class FieldKind {
  kInteger,  // 1, 2, 4 or 8 bytes: an integer, an enum, a bool or a pointer
  kText,     // an array of char: the text before the first NUL
  kBytes,    // another array, or a struct
};

// Where they are.
enum class FieldPlace {
  kFixed,    // at the field's offset
  kDataLoc,  // __data_loc: a u32 has their offset in the event, and their number << 16
  kRelLoc,   // __rel_loc: the same, with the offset from the end of that u32
  kRest,     // from the field's offset to the end of the event: `char buf[]` of size 0
};

struct EventField {
  std::string name;  // "prev_comm"
  std::string type;  // as declared, without the name: "char[16]", "__data_loc char[]", "pid_t"
  uint32_t offset_bytes = 0;
  uint32_t size_bytes = 0;
  bool is_signed = false;
  FieldKind kind = FieldKind::kInteger;
  FieldPlace place = FieldPlace::kFixed;
};

// Where common_pid is in all kernels so far: for an event without a format.
inline constexpr uint32_t kPidOffsetBytes = 4;

// The layout of one event, from the text that the kernel has in events/SYSTEM/NAME/format
// (f_show() of kernel/trace/trace_events.c).
struct EventFormat {
  // kBadInput names the line and the cause. The text may be anyone's: at most 1 MiB, 1024 fields,
  // and 64 KiB of each event are described.
  [[nodiscard]] static Result<EventFormat> parse(std::string_view text);

  // Nothing if it has no such field.
  [[nodiscard]] const EventField* field(std::string_view field_name) const;

  std::string name;
  uint16_t id = 0;                 // common_type of its events
  std::vector<EventField> common;  // the header of all events: common_type, ..., common_pid
  uint32_t pid_offset_bytes = kPidOffsetBytes;  // of common_pid, an int
  std::vector<EventField> fields;
  std::string print_format;  // after "print fmt: ", as it is
};

}  // namespace ktape
