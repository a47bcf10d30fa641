// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/event_format.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "tests/schema/trace/format_text.h"
#include "tests/support/must.h"

namespace ktape::test {
namespace {

const EventField& field(const EventFormat& format, const char* name) {
  const EventField* found = format.field(name);
  REQUIRE(found != nullptr);
  return *found;
}

EventField only(const std::string& declaration, uint32_t size = 4) {
  return must(EventFormat::parse(format_text("e", 1, field_line(declaration, 8, size, false))))
      .fields.at(0);
}

std::string refused(const std::string& text) {
  const auto format = EventFormat::parse(text);
  REQUIRE(!format.ok());
  CHECK(format.error().code == ErrorCode::kBadInput);
  return format.error().message;
}

TEST_CASE("A format has the event's name, id, fields and print format") {
  const EventFormat format = must(EventFormat::parse(format_text(
      "sched_switch", 308,
      field_line("char prev_comm[16]", 8, 16, false) + field_line("long prev_state", 32, 8, true),
      "\"%s\", REC->prev_comm")));
  CHECK(format.name == "sched_switch");
  CHECK(format.id == 308);
  CHECK(format.print_format == "\"%s\", REC->prev_comm");
  REQUIRE(format.fields.size() == 2);
  CHECK(format.fields[0].name == "prev_comm");
  CHECK(format.fields[0].type == "char[16]");
  CHECK(format.fields[0].offset_bytes == 8);
  CHECK(format.fields[0].size_bytes == 16);
  CHECK(format.fields[0].kind == FieldKind::kText);
  CHECK(format.fields[1].name == "prev_state");
  CHECK(format.fields[1].type == "long");
  CHECK(format.fields[1].is_signed);
  CHECK(format.fields[1].kind == FieldKind::kInteger);
}

TEST_CASE("The fields of the common header are apart") {
  const EventFormat format = must(EventFormat::parse(format_text("e", 1, "")));
  CHECK(format.fields.empty());
  REQUIRE(format.common.size() == 4);
  CHECK(field(format, "common_type").size_bytes == 2);
  CHECK(field(format, "common_pid").offset_bytes == 4);
  CHECK(field(format, "common_pid").is_signed);
  CHECK(format.pid_offset_bytes == 4);
  CHECK(format.field("pid") == nullptr);
}

TEST_CASE("A dynamic array is where its location says") {
  const EventField text = only("__data_loc char[] name");
  CHECK(text.name == "name");
  CHECK(text.type == "__data_loc char[]");
  CHECK(text.place == FieldPlace::kDataLoc);
  CHECK(text.kind == FieldKind::kText);
  const EventField bytes = only("__rel_loc u8[] data");
  CHECK(bytes.place == FieldPlace::kRelLoc);
  CHECK(bytes.kind == FieldKind::kBytes);
  CHECK(only("__data_loc cpumask_t[] cpus").kind == FieldKind::kBytes);
}

TEST_CASE("An array without a size is the rest of the event") {
  const EventField rest = only("char buf[]", 0);
  CHECK(rest.place == FieldPlace::kRest);
  CHECK(rest.kind == FieldKind::kText);
  CHECK(only("unsigned long caller[]", 0).kind == FieldKind::kBytes);
}

TEST_CASE("Types are kept as declared") {
  CHECK(only("const char * name", 8).type == "const char *");
  CHECK(only("const char * name", 8).kind == FieldKind::kInteger);
  CHECK(only("char *name", 8).type == "char *");
  CHECK(only("struct list_head link", 16).kind == FieldKind::kBytes);
  CHECK(only("unsigned long args[6]", 48).kind == FieldKind::kBytes);
  CHECK(only("enum zone_type zone", 4).kind == FieldKind::kInteger);
  CHECK(only("u8 odd", 3).kind == FieldKind::kBytes);
}

TEST_CASE("A line that is not of a format is refused with its number") {
  CHECK(refused("name: e\nID: 1\nformat:\nnonsense\n") ==
        "format of 'e', line 4: it is not part of a format");
  CHECK(refused("name: e-1\n") == "format of 'e-1', line 1: 'e-1' is not a name");
  CHECK(refused("name: e\nID: x\n") == "format of 'e', line 2: the id is not a number of 16 bits");
  CHECK(refused("name: e\nID: 65536\n") ==
        "format of 'e', line 2: the id is not a number of 16 bits");
  CHECK(refused("\tfield:int x;\toffset:0;\n") ==
        "format, line 1: it is not 'field:TYPE NAME; offset:N; size:N; signed:N;'");
}

TEST_CASE("A field's declaration has a type and a name") {
  const auto why = [](const std::string& declaration) {
    return refused("name: e\n" + field_line(declaration, 0, 4, false));
  };
  CHECK(why("int") == "format of 'e', line 2: its declaration has no type");
  CHECK(why("int 4th") == "format of 'e', line 2: '4th' is not a name");
  CHECK(why("void (*fn)(int)") == "format of 'e', line 2: 'fn)(int)' is not a name");
  CHECK(why("char x]") == "format of 'e', line 2: its declaration has no '['");
  CHECK(why("") == "format of 'e', line 2: its declaration has no type");
}

TEST_CASE("A field outside of any event is refused") {
  const std::string limit = "format of 'e', line 2: it is not within the 65536 bytes of an event";
  CHECK(refused("name: e\n" + field_line("int x", 65535, 4, false)) == limit);
  CHECK(refused("name: e\n" + field_line("int x", 0, 4000000000, false)) == limit);
  CHECK(refused("name: e\n\tfield:int x;\toffset:-1;\tsize:4;\tsigned:1;\n") == limit);
  CHECK(refused("name: e\n" + field_line("__data_loc char[] x", 0, 8, false)) ==
        "format of 'e', line 2: it has 8 bytes, and a location has 4");
}

TEST_CASE("Two fields of one name are refused") {
  CHECK(
      refused("name: e\n" + field_line("int x", 0, 4, false) + field_line("int x", 4, 4, false)) ==
      "format of 'e', line 3: another field has the same name");
}

TEST_CASE("A format without what every event has is refused") {
  CHECK(refused("") == "format: there is no name");
  CHECK(refused("name: e\n") == "format of 'e': there is no id");
  CHECK(refused("name: e\nID: 7\nformat:\n") ==
        "format of 'e': there is no common_type of 2 bytes at offset 0");
  CHECK(refused("name: e\nID: 7\n" + field_line("u16 common_type", 0, 2, false)) ==
        "format of 'e': there is no common_pid of 4 bytes");
}

TEST_CASE("Formats without end are refused") {
  CHECK(refused(std::string((1 << 20) + 1, '\n')) == "format: it has 1048577 bytes");
  std::string many = "name: e\n";
  for (int i = 0; i < 1025; ++i) many += field_line("int f" + std::to_string(i), 0, 4, true);
  CHECK(refused(many) == "format of 'e', line 1026: there are more than 1024 fields");
}

}  // namespace
}  // namespace ktape::test
