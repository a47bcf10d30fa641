// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replay/export/proto_writer.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// The stable part of Perfetto's trace format, TrackEvent (protos/perfetto/trace/track_event of
// github.com/google/perfetto): a stream of packets that define tracks and put slices, instants and
// counter values on them. Names are made safe; times are the host's since the run began.
class PerfettoTrace {
 public:
  using Sink = std::function<Result<void>(std::string_view)>;
  using Facts =
      std::vector<std::pair<std::string, std::string>>;  // shown with a slice: name and value
  using Track = uint64_t;

  // `sink` gets the trace in pieces, in order; its errors are returned.
  explicit PerfettoTrace(Sink sink) : sink_(std::move(sink)) {}

  // Time 0 of the trace as wall-clock time.
  Result<void> clock(uint64_t realtime_ns);
  // A group of tracks, shown as a process.
  Result<Track> group(const std::string& name, uint64_t order);
  Result<Track> track(Track group, const std::string& name);
  Result<Track> counter(Track group, const std::string& name);

  Result<void> begin(Track track, HostNs at, const std::string& name, const Facts& facts = {});
  Result<void> end(Track track, HostNs at, const Facts& facts = {});
  Result<void> instant(Track track, HostNs at, const std::string& name, const Facts& facts = {});
  // Values of 2^63 and more become floating-point numbers; Perfetto keeps all counters as such.
  Result<void> value(Track counter, HostNs at, uint64_t value, const Facts& facts = {});

 private:
  Result<Track> define(ProtoWriter descriptor, Track parent, const std::string& name);
  Result<void> event(HostNs at, const ProtoWriter& event);
  Result<void> named(uint64_t type, Track track, HostNs at, const std::string& name,
                     const Facts& facts);
  Result<void> packet(ProtoWriter packet);

  Sink sink_;
  Track last_track_ = 0;
};

}  // namespace ktape
