// SPDX-License-Identifier: Apache-2.0
// Events of real kernels, beside what libtraceevent and trace-cmd make of the same sub-buffers.
#include "tests/schema/trace/recorded_ring.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdio>
#include <string>

#include "schema/base/digest.h"
#include "schema/trace/event_text.h"
#include "schema/trace/known_events.h"
#include "tests/support/must.h"

namespace ktape::test {
namespace {

std::string text_of(const FieldValue& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) return std::string(*text);
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  if (const auto* number = std::get_if<uint64_t>(&value)) return std::to_string(*number);
  return to_hex(std::get<std::span<const std::byte>>(value));
}

// A line of fields.zst.
std::string fields_line(const TraceEvent& event) {
  std::string line = std::to_string(event.time_ns) + " " + std::to_string(event.cpu.value) + " " +
                     std::string(event.name());
  for (const auto* fields : {&event.format->common, &event.format->fields}) {
    for (const EventField& field : *fields)
      line += " " + field.name + "=" + text_of(must(field_value(event, field)));
  }
  return line;
}

// Calls `each` with every event, in order of time.
template <typename Each>
void for_each_event(const RecordedRing& ring, const EventFormats& formats, Each&& each) {
  EventMerge merged = ring.merged();
  while (must(merged.next())) each(must(decode_event(formats, merged.cpu(), merged.event())));
}

TEST_CASE("Every field of every event is what libtraceevent reads") {
  const RecordedRing ring = recorded_ring(GENERATE(as<std::string>{}, "6.16.12", "7.3.4"));
  CAPTURE(ring.folder);
  std::vector<std::string> ours;
  for_each_event(ring, ring.event_formats(),
                 [&](const TraceEvent& event) { ours.push_back(fields_line(event)); });
  CHECK(ours == lines_of(ring.unpacked("fields.zst")));
}

TEST_CASE("Lines of events are as trace-cmd report -N prints them") {
  const RecordedRing ring = recorded_ring(GENERATE(as<std::string>{}, "6.16.12", "7.3.4"));
  CAPTURE(ring.folder);
  TaskNames names;
  for (const auto& [pid, comm] : ring.tasks) names.set(Pid(pid), comm);
  const EventFormats formats = ring.event_formats();
  const EventText text(formats);
  std::vector<std::string> ours, theirs;
  for_each_event(ring, formats, [&](const TraceEvent& event) {
    if (event.name().find("kthread_work") == std::string_view::npos)
      ours.push_back(must(text.line(event, names)));
  });
  for (const std::string& line : lines_of(ring.unpacked("report.zst"))) {
    if (line.find("kthread_work") == std::string::npos) theirs.push_back(line);
  }
  CHECK(ours == theirs);
}

// How many events of a kind there are; each can be read.
template <typename Event>
size_t read_all(const RecordedRing& ring) {
  size_t count = 0;
  const EventFormats formats = ring.event_formats();
  const auto reader = must(EventReader<Event>::bind(*formats.find(Event::kName)));
  for_each_event(ring, formats, [&](const TraceEvent& event) {
    if (event.name() != Event::kName) return;
    must(reader.read(event));
    ++count;
  });
  return count;
}

TEST_CASE("The recorded events of both kernels are read as structs") {
  const RecordedRing ring = recorded_ring(GENERATE(as<std::string>{}, "6.16.12", "7.3.4"));
  CAPTURE(ring.folder);
  CHECK(read_all<SchedSwitch>(ring) > 50);
  CHECK(read_all<SchedWaking>(ring) > 25);
  CHECK(read_all<SchedWakeup>(ring) > 20);
  CHECK(read_all<SchedMigrateTask>(ring) > 0);
  CHECK(read_all<SchedProcessExec>(ring) == 1);
  CHECK(read_all<SchedStatRuntime>(ring) > 100);
  CHECK(read_all<SchedExtDump>(ring) > 50);
}

TEST_CASE("Forks, exits and new tasks of 6.16 are read as structs") {
  const RecordedRing ring = recorded_ring("6.16.12");
  CHECK(read_all<SchedProcessFork>(ring) == 6);
  CHECK(read_all<SchedWakeupNew>(ring) == 6);
  CHECK(read_all<SchedProcessExit>(ring) == 1);
}

TEST_CASE("The exit of a scheduler on 7.3 has its kind") {
  const RecordedRing ring = recorded_ring("7.3.4");
  size_t exits = 0;
  for_each_event(ring, ring.event_formats(), [&](const TraceEvent& event) {
    if (event.name() != SchedExtExit::kName) return;
    const auto exit = must(must(EventReader<SchedExtExit>::bind(*event.format)).read(event));
    ++exits;
    CHECK(exit.name == "ktape_vtime");
    CHECK(exit.kind == 1026);  // SCX_EXIT_ERROR_STALL
    CHECK(exit.level == 0);
  });
  CHECK(exits == 1);
  // No scheduler was bypassed for long enough.
  const EventFormats formats = ring.event_formats();
  must(EventReader<SchedExtBypassLb>::bind(*formats.find(SchedExtBypassLb::kName)));
}

TEST_CASE("The time of sched_stat_runtime does not exceed what a CPU had") {
  const RecordedRing ring = recorded_ring("6.16.12");
  uint64_t ran_ns = 0, first_ns = 0, last_ns = 0;
  for_each_event(ring, ring.event_formats(), [&](const TraceEvent& event) {
    first_ns = first_ns == 0 ? event.time_ns : first_ns;
    last_ns = event.time_ns;
    if (event.name() != SchedStatRuntime::kName) return;
    ran_ns += must(must(EventReader<SchedStatRuntime>::bind(*event.format)).read(event)).runtime;
  });
  CHECK(ran_ns > 0);
  CHECK(ran_ns < 2 * (last_ns - first_ns));
}

TEST_CASE("Names of tasks are learned from switches") {
  const RecordedRing ring = recorded_ring("6.16.12");
  TaskNames names;
  CHECK(names.of(Pid(0)) == "<idle>");
  CHECK(names.of(Pid(1)) == "<...>");
  for_each_event(ring, ring.event_formats(), [&](const TraceEvent& event) { names.learn(event); });
  CHECK(names.of(Pid(0)) == "<idle>");
  CHECK(names.of(Pid(1)) == "init");
}

TEST_CASE("The letters of a state are those of the kernel's print format") {
  const RecordedRing ring = recorded_ring(GENERATE(as<std::string>{}, "6.16.12", "7.3.4"));
  const EventFormats formats = ring.event_formats();
  const std::string& print = formats.find(SchedSwitch::kName)->print_format;
  for (int bit = 0; bit < 8; ++bit) {
    char entry[32];
    std::snprintf(entry, sizeof(entry), "{ 0x%08x, \"%s\" }", 1 << bit,
                  prev_state_text(1 << bit).c_str());
    CHECK(print.find(entry) != std::string::npos);
  }
}

}  // namespace
}  // namespace ktape::test
