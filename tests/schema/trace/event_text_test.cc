// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/event_text.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "schema/base/digest.h"
#include "tests/schema/trace/event_bytes.h"
#include "tests/schema/trace/format_text.h"
#include "tests/support/must.h"

namespace ktape::test {
namespace {

// The line of one event, of task 12, "worker", on CPU 3.
Result<std::string> line(const std::string& name, const std::string& fields,
                         const EventBytes& bytes, uint64_t time_ns = 24808812000) {
  EventFormats formats;
  must(formats.add(format_text(name, 7, fields)));
  TaskNames names;
  names.set(Pid(12), "worker");
  const TraceEvent event =
      must(decode_event(formats, CpuId(3), {time_ns, as_bytes(bytes.bytes()), 16}));
  return EventText(formats).line(event, names);
}

std::string info(const std::string& name, const std::string& fields, const EventBytes& bytes) {
  const std::string whole = must(line(name, fields, bytes));
  return whole.substr(65);
}

TEST_CASE("A line has the task, CPU, time, name and fields of an event") {
  CHECK(must(line("other", field_line("int irq", 8, 4, true), EventBytes(7, 12).put(8, -3))) ==
        "          worker-12    [003]    24.808812: other:                irq=-3");
}

TEST_CASE("Times are rounded to microseconds") {
  const auto at = [](uint64_t time_ns) {
    return must(line("e", "", EventBytes(7, 12), time_ns)).substr(28, 14);
  };
  CHECK(at(0) == "     0.000000:");
  CHECK(at(1499) == "     0.000001:");
  CHECK(at(1500) == "     0.000002:");
  CHECK(at(999999500) == "     1.000000:");
  CHECK(must(line("e", "", EventBytes(7, 12), ~uint64_t{0})).find(" 18446744073.709552: ") !=
        std::string::npos);
}

TEST_CASE("An event that ktape does not know is printed field by field") {
  CHECK(info("other",
             field_line("u64 q", 8, 8, false) + field_line("void * p", 16, 8, false) +
                 field_line("__data_loc char[] name", 24, 4, false) +
                 field_line("u8 raw[2]", 28, 2, false),
             EventBytes(7)
                 .put(8, uint64_t{5})
                 .put(16, uint64_t{0xffff888000000000})
                 .put(24, uint32_t{3 << 16 | 30})
                 .put(28, uint8_t{0xab})
                 .put(29, uint8_t{1})
                 .text(30, std::string("hi\0", 3))) == "q=5 p=0xffff888000000000 name=hi raw=ab01");
  CHECK(info("other", "", EventBytes(7)).empty());
}

TEST_CASE("A known event that lacks a field is printed field by field") {
  CHECK(info("sched_waking", field_line("pid_t pid", 8, 4, true), EventBytes(7).put(8, 4)) ==
        "pid=4");
  CHECK(info("sched_switch", field_line("char prev_state[4]", 8, 4, false),
             EventBytes(7).text(8, "abcd")) == "prev_state=abcd");
}

TEST_CASE("An exit is printed with and without group_dead") {
  const std::string fields = field_line("char comm[4]", 8, 4, false) +
                             field_line("pid_t pid", 12, 4, true) +
                             field_line("int prio", 16, 4, true);
  const EventBytes bytes =
      EventBytes(7).text(8, "init").put(12, 1).put(16, 120).put(20, uint8_t{1});
  CHECK(info("sched_process_exit", fields, bytes) == "comm=init pid=1 prio=120");
  CHECK(info("sched_process_exit", fields + field_line("bool group_dead", 20, 1, false), bytes) ==
        "comm=init pid=1 prio=120 group_dead=true");
}

TEST_CASE("The balancing of a bypass is printed as the kernel does") {
  std::string fields;
  EventBytes bytes(7);
  uint32_t offset = 8;
  for (const char* name : {"node", "nr_cpus", "nr_tasks", "nr_balanced", "before_min", "before_max",
                           "after_min", "after_max"}) {
    fields += field_line(std::string("__u32 ") + name, offset, 4, false);
    bytes.put(offset, offset / 4 - 2);
    offset += 4;
  }
  CHECK(info("sched_ext_bypass_lb", fields, bytes) ==
        "node 0: nr_cpus=1 nr_tasks=2 nr_balanced=3 min=4->6 max=5->7");
}

TEST_CASE("A CPU's number has three digits, also a negative one") {
  const std::string fields =
      field_line("char comm[4]", 8, 4, false) + field_line("pid_t pid", 12, 4, true) +
      field_line("int prio", 16, 4, true) + field_line("int target_cpu", 20, 4, true);
  const EventBytes bytes = EventBytes(7).text(8, "init").put(12, 1).put(16, 120);
  CHECK(info("sched_waking", fields, EventBytes(bytes).put(20, 5)) ==
        "comm=init pid=1 prio=120 target_cpu=005");
  CHECK(info("sched_waking", fields, EventBytes(bytes).put(20, -1)) ==
        "comm=init pid=1 prio=120 target_cpu=-01");
}

TEST_CASE("An event without a format has its id and bytes") {
  const EventBytes bytes = EventBytes(9, 0).text(8, "ab");
  const EventFormats formats;
  const TraceEvent event = must(decode_event(formats, CpuId(0), {0, as_bytes(bytes.bytes()), 0}));
  CHECK(must(EventText(formats).line(event, TaskNames())) ==
        "          <idle>-0     [000]     0.000000: event-9:              09000000000000006162");
}

TEST_CASE("Texts of a guest cannot control a terminal") {
  CHECK(info("sched_ext_dump", field_line("char line[8]", 8, 8, false),
             EventBytes(7).text(8, "\033[2J\n").grow(16)) == "\\x1b[2J\\n");
}

TEST_CASE("A line of an event whose field is not in it is an error") {
  const auto text = line("other", field_line("int x", 8, 4, true), EventBytes(7));
  REQUIRE(!text.ok());
  CHECK(text.error().message ==
        "event 'other', field 'x': the event ends before it, after 8 bytes");
}

TEST_CASE("A task's name of any length takes a bounded space") {
  TaskNames names;
  for (int i = 0; i < 2; ++i) {
    names.set(Pid(1), std::string(65000, 'a'));
    CHECK(names.of(Pid(1)) == std::string(64, 'a'));
  }
}

// The fields of a sched_switch, the first of them at `at`.
std::string switch_fields(uint32_t at) {
  return field_line("char prev_comm[4]", at, 4, false) +
         field_line("pid_t prev_pid", at + 4, 4, true) +
         field_line("int prev_prio", at + 8, 4, true) +
         field_line("long prev_state", at + 12, 8, true) +
         field_line("char next_comm[4]", at + 20, 4, false) +
         field_line("pid_t next_pid", at + 24, 4, true) +
         field_line("int next_prio", at + 28, 4, true);
}

TEST_CASE("Names are learned from each sched_switch by its own format") {
  EventFormats formats;
  must(formats.add(format_text("sched_switch", 7, switch_fields(8))));
  must(formats.add(format_text("sched_switch", 8, switch_fields(12))));
  must(formats.add(format_text("sched_switch", 9, field_line("pid_t prev_pid", 8, 4, true))));
  TaskNames names;
  int32_t pid = 1;
  for (const uint16_t id : {7, 8, 9, 7}) {
    const uint32_t at = id == 8 ? 12 : 8;
    const EventBytes bytes = EventBytes(id)
                                 .text(at, "aaaa")
                                 .put(at + 4, pid)
                                 .text(at + 20, "bbbb")
                                 .put(at + 24, pid + 1)
                                 .put(at + 28, 120);
    names.learn(must(decode_event(formats, CpuId(0), {0, as_bytes(bytes.bytes()), 0})));
    const bool readable = id != 9;
    CHECK(names.of(Pid(pid)) == (readable ? "aaaa" : "<...>"));
    CHECK(names.of(Pid(pid + 1)) == (readable ? "bbbb" : "<...>"));
    pid += 2;
  }
}

TEST_CASE("Names of any number of tasks take a bounded space") {
  TaskNames names;
  for (int32_t pid = 1; pid <= 70000; ++pid) names.set(Pid(pid), "task");
  CHECK(names.of(Pid(65536)) == "task");
  CHECK(names.of(Pid(65537)) == "<...>");
  names.set(Pid(1), "renamed");
  CHECK(names.of(Pid(1)) == "renamed");
}

}  // namespace
}  // namespace ktape::test
