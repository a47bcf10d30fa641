// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "replay/export/perfetto_trace.h"
#include "replay/tape/run_delays.h"
#include "replay/tape/tape_values.h"
#include "schema/tape/reading/reader.h"
#include "schema/wire/owned_message.h"

namespace ktape {

// A run as a Perfetto trace, record by record. Tracks: the run (steps, incidents, schedulers),
// requests, a freeze track for each vCPU, a track for each worker; a counter for each target, with
// all values that were read, written or sampled there. A value carries its tag and, as `guest_ns`,
// when the guest asked for it. Slices carry the sequence numbers of their records; the slice of an
// op has its values with all their bits.
class PerfettoExport {
 public:
  // Without `values`, which outlive it, they are shown as numbers and bytes.
  explicit PerfettoExport(PerfettoTrace::Sink sink, TapeValues* values = nullptr)
      : trace_(std::move(sink)), texts_(values) {}

  [[nodiscard]] Result<void> visit(const RecordView& view);
  // After the last record: ends what was left open, and notes in the trace what is not in it.
  [[nodiscard]] Result<void> finish();

  // "not in the trace: 2 workers, 1 value: it has at most 1000 tracks of each sort"; empty:
  // everything is in it. Complete after finish().
  [[nodiscard]] std::string left_out() const;

 private:
  using Track = PerfettoTrace::Track;
  using Facts = PerfettoTrace::Facts;
  struct OpenRequest {
    OwnedMessage<schema::OpRequested> asked;
    Track lane = 0;
    uint64_t guest_ns = 0;  // 0: the host asked
  };

  Result<void> dispatch(const RecordView& view);
  Result<void> begin(Track track, const RecordView& view, const std::string& name, Facts facts);
  Result<void> end(Track track, const RecordView& view, Facts facts);
  Result<void> instant(Track track, const RecordView& view, const std::string& name, Facts facts);

  Result<void> run_started(schema::RunStarted::Reader run);
  Result<void> scheduler_attached(const RecordView& view);
  Result<void> scheduler_exited(const RecordView& view);
  Result<void> worker_started(const RecordView& view);
  Result<void> worker_report(const RecordView& view);
  Result<void> requested(const RecordView& view);
  Result<void> replied(const RecordView& view);
  Result<void> frozen(const RecordView& view);
  Result<void> thawed(const RecordView& view);
  Result<void> run_delays(const RecordView& view);
  [[nodiscard]] std::string shown(schema::OpEntry::Reader asked, schema::Value::Reader value,
                                  uint64_t freeze) const;
  Result<void> sampled(const RecordView& view);
  Result<void> count(const RecordView& view, schema::Target::Reader target,
                     schema::Value::Reader value, const std::string& tag, uint64_t guest_ns);

  Result<Track> group(Track& group, const std::string& name);
  // Tracks of one sort, by name, and the hashes of the names for which there was no room.
  struct Tracks {
    const char* sort = "";
    bool counters = false;
    std::map<std::string, Track> made;
    std::unordered_set<size_t> left_out;
  };
  // The track of that name, created on first use. Nothing beyond the maximum number of tracks.
  Result<std::optional<Track>> track_of(Tracks& tracks, Track group, const std::string& name);
  Result<Track> free_lane();

  PerfettoTrace trace_;
  TapeValues* texts_;
  uint64_t groups_ = 0;
  Track run_ = 0;
  Track freezes_ = 0;
  Track workers_ = 0;
  Track values_ = 0;
  Track steps_ = 0;
  Tracks run_tracks_{.sort = "scheduler"};
  Tracks worker_tracks_{.sort = "worker"};
  Tracks counters_{.sort = "value", .counters = true};
  Tracks cpu_tracks_{.sort = "CPU"};
  Track host_ = 0;
  Tracks wait_counters_{.sort = "vCPU", .counters = true};
  RunDelayFold delays_;
  std::vector<Track> lanes_;
  size_t cut_short_ =
      0;  // requests that end early in the trace because another one needed their lane
  std::set<Track> busy_;                      // tracks with an open slice
  std::map<uint64_t, OpenRequest> requests_;  // by op
  HostNs last_;
};

}  // namespace ktape
