// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "schema/trace/event_decode.h"
#include "schema/trace/event_merge.h"

namespace ktape::test {

// Sub-buffers of a real kernel's trace rings: some of two CPUs, lifted from the guest's memory,
// with the sched and sched_ext events of a run whose scheduler was ejected. In data/RELEASE:
//
//   cpuN.zst    sub-buffers of 4096 bytes
//   formats     of their events, one after the other, rebuilt from the same memory
//   tasks       "PID COMM" of each task at that time
//   report.zst  what `trace-cmd report -N` (3.1.6) prints of them
//   fields.zst  each field of each event, as libtraceevent (1.7.1) reads it; see
//               libtraceevent_test.cc
struct RecordedRing {
  std::string folder;
  std::vector<std::vector<std::vector<std::byte>>> cpus;
  std::vector<std::string> formats;
  std::vector<std::pair<int, std::string>> tasks;

  [[nodiscard]] EventFormats event_formats() const;
  [[nodiscard]] EventMerge merged() const;
  // The content of a file of its folder.
  [[nodiscard]] std::string unpacked(const std::string& file) const;
};

// Of "6.16.12" or "7.3.4".
[[nodiscard]] RecordedRing recorded_ring(const std::string& release);

// Each line, without its line feed.
[[nodiscard]] std::vector<std::string> lines_of(const std::string& text);

}  // namespace ktape::test
