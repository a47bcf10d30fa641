// SPDX-License-Identifier: Apache-2.0
#include "replay/export/perfetto_trace.h"

#include <limits>

#include "schema/base/text.h"

namespace ktape {

namespace {

// Field numbers, from the files of that name in protos/perfetto/trace.
namespace trace {
constexpr uint32_t kPacket = 1;
}
namespace trace_packet {
constexpr uint32_t kClockSnapshot = 6;
constexpr uint32_t kTimestamp = 8;
constexpr uint32_t kSequenceId = 10;  // trusted_packet_sequence_id
constexpr uint32_t kTrackEvent = 11;
constexpr uint32_t kTrackDescriptor = 60;
}  // namespace trace_packet
namespace clock_snapshot {
constexpr uint32_t kClocks = 1;
constexpr uint32_t kClockId = 1;
constexpr uint32_t kClockTimestamp = 2;
constexpr uint64_t kRealtime = 1;
constexpr uint64_t kBoottime = 6;  // the default clock of packet timestamps
}  // namespace clock_snapshot
namespace track_descriptor {
constexpr uint32_t kUuid = 1;
constexpr uint32_t kName = 2;
constexpr uint32_t kProcess = 3;
constexpr uint32_t kParentUuid = 5;
constexpr uint32_t kCounter = 8;
}  // namespace track_descriptor
namespace process_descriptor {
constexpr uint32_t kPid = 1;
constexpr uint32_t kProcessName = 6;
}  // namespace process_descriptor
namespace track_event {
constexpr uint32_t kDebugAnnotations = 4;
constexpr uint32_t kType = 9;
constexpr uint32_t kTrackUuid = 11;
constexpr uint32_t kName = 23;
constexpr uint32_t kCounterValue = 30;
constexpr uint32_t kDoubleCounterValue = 44;
constexpr uint64_t kSliceBegin = 1;
constexpr uint64_t kSliceEnd = 2;
constexpr uint64_t kInstant = 3;
constexpr uint64_t kCounter = 4;
}  // namespace track_event
namespace debug_annotation {
constexpr uint32_t kStringValue = 6;
constexpr uint32_t kName = 10;
}  // namespace debug_annotation

constexpr uint64_t kSequence = 1;  // all packets belong to one

ProtoWriter event_of(uint64_t type, PerfettoTrace::Track track, const PerfettoTrace::Facts& facts) {
  ProtoWriter event;
  event.number(track_event::kType, type);
  event.number(track_event::kTrackUuid, track);
  for (const auto& [name, value] : facts) {
    ProtoWriter annotation;
    annotation.text(debug_annotation::kName, name);
    annotation.text(debug_annotation::kStringValue, printable(value));
    event.message(track_event::kDebugAnnotations, annotation);
  }
  return event;
}

}  // namespace

Result<void> PerfettoTrace::packet(ProtoWriter packet) {
  packet.number(trace_packet::kSequenceId, kSequence);
  // A trace is a message with a field for each packet, so it can be written packet by packet.
  ProtoWriter whole;
  whole.message(trace::kPacket, packet);
  return sink_(whole.bytes());
}

Result<void> PerfettoTrace::clock(uint64_t realtime_ns) {
  ProtoWriter snapshot;
  // Both in one snapshot: this is how a reader relates them.
  for (auto [id, time] : {std::pair(clock_snapshot::kBoottime, uint64_t{0}),
                          std::pair(clock_snapshot::kRealtime, realtime_ns)}) {
    ProtoWriter clock;
    clock.number(clock_snapshot::kClockId, id);
    clock.number(clock_snapshot::kClockTimestamp, time);
    snapshot.message(clock_snapshot::kClocks, clock);
  }
  ProtoWriter whole;
  whole.message(trace_packet::kClockSnapshot, snapshot);
  return packet(std::move(whole));
}

Result<PerfettoTrace::Track> PerfettoTrace::define(ProtoWriter descriptor, Track parent,
                                                   const std::string& name) {
  // From 1 on: 0 is no track.
  Track track = ++last_track_;
  descriptor.number(track_descriptor::kUuid, track);
  descriptor.text(track_descriptor::kName, printable(name));
  if (parent != 0) descriptor.number(track_descriptor::kParentUuid, parent);
  ProtoWriter whole;
  whole.message(trace_packet::kTrackDescriptor, descriptor);
  KTAPE_TRY(packet(std::move(whole)));
  return track;
}

Result<PerfettoTrace::Track> PerfettoTrace::group(const std::string& name, uint64_t order) {
  ProtoWriter process;
  process.number(process_descriptor::kPid,
                 order);  // a process needs one; processes are sorted by it
  process.text(process_descriptor::kProcessName, printable(name));
  ProtoWriter descriptor;
  descriptor.message(track_descriptor::kProcess, process);
  return define(std::move(descriptor), 0, name);
}

Result<PerfettoTrace::Track> PerfettoTrace::track(Track group, const std::string& name) {
  return define(ProtoWriter(), group, name);
}

Result<PerfettoTrace::Track> PerfettoTrace::counter(Track group, const std::string& name) {
  ProtoWriter descriptor;
  descriptor.message(track_descriptor::kCounter, ProtoWriter());
  return define(std::move(descriptor), group, name);
}

Result<void> PerfettoTrace::event(HostNs at, const ProtoWriter& event) {
  ProtoWriter whole;
  whole.number(trace_packet::kTimestamp, at.value);
  whole.message(trace_packet::kTrackEvent, event);
  return packet(std::move(whole));
}

Result<void> PerfettoTrace::named(uint64_t type, Track track, HostNs at, const std::string& name,
                                  const Facts& facts) {
  ProtoWriter of_name = event_of(type, track, facts);
  of_name.text(track_event::kName, printable(name));
  return event(at, of_name);
}

Result<void> PerfettoTrace::begin(Track track, HostNs at, const std::string& name,
                                  const Facts& facts) {
  return named(track_event::kSliceBegin, track, at, name, facts);
}

Result<void> PerfettoTrace::end(Track track, HostNs at, const Facts& facts) {
  return event(at, event_of(track_event::kSliceEnd, track, facts));
}

Result<void> PerfettoTrace::instant(Track track, HostNs at, const std::string& name,
                                    const Facts& facts) {
  return named(track_event::kInstant, track, at, name, facts);
}

Result<void> PerfettoTrace::value(Track counter, HostNs at, uint64_t value, const Facts& facts) {
  ProtoWriter sample = event_of(track_event::kCounter, counter, facts);
  if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    sample.number(track_event::kCounterValue, value);
  } else {
    sample.real(track_event::kDoubleCounterValue, static_cast<double>(value));
  }
  return event(at, sample);
}

}  // namespace ktape
