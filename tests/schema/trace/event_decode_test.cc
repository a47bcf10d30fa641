// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/event_decode.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "schema/base/digest.h"
#include "tests/schema/trace/event_bytes.h"
#include "tests/schema/trace/format_text.h"
#include "tests/support/must.h"

namespace ktape::test {
namespace {

constexpr uint16_t kId = 300;

// One event with one format.
class OneEvent {
 public:
  OneEvent(const std::string& fields, EventBytes bytes) : bytes_(std::move(bytes)) {
    must(formats_.add(format_text("e", kId, fields)));
    event_ = must(decode_event(formats_, CpuId(3), {1234, as_bytes(bytes_.bytes()), 16}));
  }

  [[nodiscard]] const TraceEvent& event() const { return event_; }
  [[nodiscard]] const EventField& field(const char* name) const {
    return *formats_.find("e")->field(name);
  }
  template <typename Value>
  [[nodiscard]] Value value(const char* name) const {
    return std::get<Value>(must(field_value(event_, field(name))));
  }
  [[nodiscard]] std::string error(const char* name) const {
    const auto value = field_value(event_, field(name));
    REQUIRE(!value.ok());
    CHECK(value.error().code == ErrorCode::kBadInput);
    return value.error().message;
  }

 private:
  EventBytes bytes_;
  EventFormats formats_;
  TraceEvent event_;
};

uint32_t location(uint32_t offset, uint32_t bytes) { return bytes << 16 | offset; }

TEST_CASE("An event has its time, CPU, name and the task that it happened in") {
  const OneEvent one("", EventBytes(kId, 147));
  CHECK(one.event().time_ns == 1234);
  CHECK(one.event().cpu == CpuId(3));
  CHECK(one.event().id == kId);
  CHECK(one.event().name() == "e");
  CHECK(one.event().pid == Pid(147));
}

TEST_CASE("An event without a format has an id and a task, and no name") {
  const EventFormats formats;
  const EventBytes bytes(9, -1);
  const TraceEvent event = must(decode_event(formats, CpuId(0), {0, as_bytes(bytes.bytes()), 0}));
  CHECK(event.id == 9);
  CHECK(event.pid == Pid(-1));
  CHECK(event.format == nullptr);
  CHECK(event.name().empty());
}

TEST_CASE("An event without the common header is an error") {
  const auto event = decode_event(EventFormats(), CpuId(0), {0, as_bytes("1234567"), 24});
  REQUIRE(!event.ok());
  CHECK(event.error().message ==
        "the event at byte 24 of a sub-buffer has 7 bytes, too few for the header of all events");
  CHECK(!decode_event(EventFormats(), CpuId(0), {0, {}, 24}).ok());
}

TEST_CASE("The task is where the format has common_pid") {
  std::string text = format_text("e", kId, "");
  text.replace(text.find("offset:4;"), 9, "offset:8;");
  EventFormats formats;
  must(formats.add(text));
  const EventBytes bytes = EventBytes(kId, 1).put(8, int32_t{77});
  CHECK(must(decode_event(formats, CpuId(0), {0, as_bytes(bytes.bytes()), 0})).pid == Pid(77));
}

TEST_CASE("Two events of one id are refused") {
  EventFormats formats;
  must(formats.add(format_text("a", 7, "")));
  const auto second = formats.add(format_text("b", 7, ""));
  REQUIRE(!second.ok());
  CHECK(second.error().message == "events 'a' and 'b' have the same id, 7");
  CHECK(formats.find(uint16_t{7})->name == "a");
  CHECK(formats.find(uint16_t{6}) == nullptr);
  CHECK(formats.find(uint16_t{65535}) == nullptr);
  CHECK(formats.find("b") == nullptr);
}

TEST_CASE("Integers have their size and sign") {
  const OneEvent one(field_line("char c", 8, 1, true) + field_line("u16 h", 10, 2, false) +
                         field_line("int i", 12, 4, true) + field_line("u32 u", 16, 4, false) +
                         field_line("u64 q", 24, 8, false) + field_line("long l", 32, 8, true),
                     EventBytes(kId)
                         .put(8, int8_t{-2})
                         .put(10, uint16_t{65535})
                         .put(12, int32_t{-5})
                         .put(16, uint32_t{4000000000})
                         .put(24, ~uint64_t{0})
                         .put(32, int64_t{-7}));
  CHECK(one.value<int64_t>("c") == -2);
  CHECK(one.value<uint64_t>("h") == 65535);
  CHECK(one.value<int64_t>("i") == -5);
  CHECK(one.value<uint64_t>("u") == 4000000000);
  CHECK(one.value<uint64_t>("q") == ~uint64_t{0});
  CHECK(one.value<int64_t>("l") == -7);
}

TEST_CASE("A text ends at its NUL, or fills its array") {
  const OneEvent one(field_line("char a[8]", 8, 8, false) + field_line("char b[4]", 16, 4, false),
                     EventBytes(kId).text(8, std::string("ab\0cdefg", 8)).text(16, "full"));
  CHECK(one.value<std::string_view>("a") == "ab");
  CHECK(one.value<std::string_view>("b") == "full");
}

TEST_CASE("Dynamic arrays are found by their location") {
  const OneEvent one(field_line("__data_loc char[] name", 8, 4, false) +
                         field_line("__rel_loc char[] later", 12, 4, false) +
                         field_line("__data_loc u8[] raw", 16, 4, false),
                     EventBytes(kId)
                         .put(8, location(20, 5))
                         .put(12, location(9, 3))  // from byte 16
                         .put(16, location(25, 2))
                         .text(20, std::string("init\0hi\0", 8)));
  CHECK(one.value<std::string_view>("name") == "init");
  CHECK(one.value<std::string_view>("later") == "hi");
  CHECK(to_hex(one.value<std::span<const std::byte>>("raw")) == "6869");
}

TEST_CASE("A field may go on to the end of the event") {
  const OneEvent one(field_line("char buf[]", 8, 0, false), EventBytes(kId).text(8, "to the end"));
  CHECK(one.value<std::string_view>("buf") == "to the end");
}

TEST_CASE("A field that is not in the event is an error") {
  const OneEvent one(field_line("int x", 8, 4, true) + field_line("char buf[]", 100, 0, false),
                     EventBytes(kId).grow(10));
  CHECK(one.error("x") == "event 'e', field 'x': the event ends before it, after 10 bytes");
  CHECK(one.error("buf") == "event 'e', field 'buf': the event ends before it, after 10 bytes");
}

TEST_CASE("A dynamic array that is not in the event is an error") {
  const std::string fields = field_line("__data_loc char[] d", 8, 4, false) +
                             field_line("__rel_loc char[] r", 12, 4, false);
  const OneEvent one(
      fields, EventBytes(kId).put(8, location(65535, 65535)).put(12, location(65535, 65535)));
  CHECK(one.error("d") == "event 'e', field 'd': bytes 65535 to 131070 are not in an event of 16");
  CHECK(one.error("r") == "event 'e', field 'r': bytes 65551 to 131086 are not in an event of 16");
  const OneEvent last(fields, EventBytes(kId).put(8, location(15, 1)).put(12, location(0, 1)));
  CHECK(last.value<std::string_view>("d").empty());
  CHECK(last.error("r") == "event 'e', field 'r': bytes 16 to 17 are not in an event of 16");
}

TEST_CASE("A field that is asked for as another kind is an error") {
  const OneEvent one(field_line("char a[8]", 8, 8, false) + field_line("int x", 16, 4, true),
                     EventBytes(kId).grow(20));
  CHECK(field_integer(one.event(), one.field("a")).error().message ==
        "event 'e', field 'a': it is not an integer");
  CHECK(field_text(one.event(), one.field("x")).error().message ==
        "event 'e', field 'x': it is not text");
}

}  // namespace
}  // namespace ktape::test
