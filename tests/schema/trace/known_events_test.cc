// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/known_events.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "schema/base/digest.h"
#include "tests/schema/trace/event_bytes.h"
#include "tests/schema/trace/format_text.h"
#include "tests/support/must.h"

namespace ktape::test {
namespace {

const std::string kSwitchFields =
    field_line("char prev_comm[16]", 8, 16, false) + field_line("pid_t prev_pid", 24, 4, true) +
    field_line("int prev_prio", 28, 4, true) + field_line("long prev_state", 32, 8, true) +
    field_line("char next_comm[16]", 40, 16, false) + field_line("pid_t next_pid", 56, 4, true) +
    field_line("int next_prio", 60, 4, true);

template <typename Event>
Event read(const std::string& fields, const EventBytes& bytes) {
  EventFormats formats;
  must(formats.add(format_text(std::string(Event::kName), 7, fields)));
  const auto reader = must(EventReader<Event>::bind(formats.all().front()));
  const TraceEvent event = must(decode_event(formats, CpuId(0), {0, as_bytes(bytes.bytes()), 0}));
  return must(reader.read(event));
}

template <typename Event>
Error no_reader(const std::string& name, const std::string& fields) {
  const EventFormat format = must(EventFormat::parse(format_text(name, 7, fields)));
  return EventReader<Event>::bind(format).error();
}

TEST_CASE("A sched_switch is read as a struct") {
  const EventBytes bytes = EventBytes(7)
                               .text(8, "worker")
                               .put(24, int32_t{12})
                               .put(28, int32_t{120})
                               .put(32, int64_t{0x100})
                               .text(40, "swapper/0")
                               .put(56, int32_t{0})
                               .put(60, int32_t{-1});
  const auto event = read<SchedSwitch>(kSwitchFields, bytes);
  CHECK(event.prev_comm == "worker");
  CHECK(event.prev_pid == Pid(12));
  CHECK(event.prev_prio == 120);
  CHECK(event.prev_state == 0x100);
  CHECK(event.next_comm == "swapper/0");
  CHECK(event.next_pid == Pid(0));
  CHECK(event.next_prio == -1);
}

TEST_CASE("A text member is read from an array or a dynamic one") {
  const EventBytes bytes = EventBytes(7)
                               .put(8, uint32_t{5 << 16 | 24})
                               .put(12, int32_t{9})
                               .put(16, uint64_t{1} << 40)
                               .text(24, std::string("init\0", 5));
  const auto event = read<SchedStatRuntime>(field_line("__data_loc char[] comm", 8, 4, false) +
                                                field_line("pid_t pid", 12, 4, true) +
                                                field_line("u64 runtime", 16, 8, false),
                                            bytes);
  CHECK(event.comm == "init");
  CHECK(event.pid == Pid(9));
  CHECK(event.runtime == uint64_t{1} << 40);
}

TEST_CASE("A member that older kernels lack is left out") {
  const std::string fields = field_line("char comm[16]", 8, 16, false) +
                             field_line("pid_t pid", 24, 4, true) +
                             field_line("int prio", 28, 4, true);
  const EventBytes bytes = EventBytes(7).text(8, "init").grow(33);
  CHECK(!read<SchedProcessExit>(fields, bytes).group_dead);
  const std::string newer = fields + field_line("bool group_dead", 32, 1, false);
  CHECK(read<SchedProcessExit>(newer, bytes).group_dead == false);
  CHECK(read<SchedProcessExit>(newer, EventBytes(bytes).put(32, uint8_t{1})).group_dead == true);
}

TEST_CASE("A format without a field is refused when it is bound") {
  const Error error = no_reader<SchedWaking>("sched_waking", "");
  CHECK(error.code == ErrorCode::kNotFound);
  CHECK(error.message == "event 'sched_waking' has no field 'comm'");
}

TEST_CASE("A format with a field of another kind is refused when it is bound") {
  CHECK(no_reader<SchedExtDump>("sched_ext_dump", field_line("int line", 8, 4, true)).message ==
        "event 'sched_ext_dump', field 'line': got 'int', expected text");
  const std::string text =
      field_line("char comm[16]", 8, 16, false) + field_line("char pid[16]", 24, 16, false);
  CHECK(no_reader<SchedWaking>("sched_waking", text).message ==
        "event 'sched_waking', field 'pid': got 'char[16]', expected an integer");
}

TEST_CASE("A format of another event is refused") {
  CHECK(no_reader<SchedWaking>("sched_wakeup", "").message ==
        "got the format of 'sched_wakeup', expected 'sched_waking'");
}

TEST_CASE("A struct whose bytes are not all in the event is an error") {
  EventFormats formats;
  must(formats.add(format_text("sched_switch", 7, kSwitchFields)));
  const auto reader = must(EventReader<SchedSwitch>::bind(formats.all().front()));
  const EventBytes bytes = EventBytes(7).grow(60);
  const TraceEvent event = must(decode_event(formats, CpuId(0), {0, as_bytes(bytes.bytes()), 0}));
  CHECK(reader.read(event).error().message ==
        "event 'sched_switch', field 'next_prio': the event ends before it, after 60 bytes");
}

TEST_CASE("A task's state has the kernel's letters") {
  CHECK(prev_state_text(0) == "R");
  CHECK(prev_state_text(0x100) == "R+");
  CHECK(prev_state_text(1) == "S");
  CHECK(prev_state_text(2) == "D");
  CHECK(prev_state_text(4) == "T");
  CHECK(prev_state_text(8) == "t");
  CHECK(prev_state_text(0x10) == "X");
  CHECK(prev_state_text(0x20) == "Z");
  CHECK(prev_state_text(0x40) == "P");
  CHECK(prev_state_text(0x80) == "I");
  CHECK(prev_state_text(0x103) == "S|D+");
  CHECK(prev_state_text(0x200) == "R");
}

}  // namespace
}  // namespace ktape::test
