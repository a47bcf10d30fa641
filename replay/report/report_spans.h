// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "replay/tape/run_facts.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/reading/reader.h"

// What a report draws and lists of a tape beside its run facts: when things were, what the vCPUs
// did at each freeze, and what the guest's kernel printed. Texts are safe to print. Bounded: what
// went beyond the limits is counted.

namespace ktape {

// Something on the timeline. A begin alone has its end at the end of the run.
struct Span {
  HostNs begin;
  HostNs end;
  std::string label;  // on the bar
  std::string text;   // all of it
  bool failed = false;
  Seq seq;
};

struct VcpuFacts {
  uint32_t cpu = 0;
  std::string where;       // "kernel in default_idle+0xf"; "not known"
  std::string state;       // "irqs on, preempt 0x1, runqueue locked"
  std::string occupant;    // "swapper/0 (0)"
  std::string scheduling;  // of that task: scheduling_text()
};

struct FreezeFacts {
  uint64_t id = 0;
  std::string cause;
  HostNs at;
  uint64_t stop_latency_ns = 0;
  uint64_t frozen_ns = 0;
  uint64_t pages = 0;
  int64_t bypass_depth = -1;
  bool thawed = false;
  std::vector<VcpuFacts> vcpus;
  uint64_t vcpus_left_out = 0;
  bool own = false;  // a trigger or a user froze, not a request and no interval
  Seq seq;
};

struct SampleFacts {
  std::string name;
  std::string value;  // as shown
  HostNs at;
  Seq seq;
};

struct ReportSpans {
  HostNs end;  // of the run: the latest time on the tape
  std::vector<Span> steps;
  std::vector<Span> requests;
  std::vector<Span> schedulers;
  std::vector<Span> workers;
  std::vector<FreezeFacts> freezes;
  std::vector<SampleFacts> samples;
  std::map<uint64_t, HostNs>
      times;                      // of requests, replies and what RunFacts::incidents names, by seq
  std::string console;            // its lines; of a long one the first and the last
  uint64_t console_left_out = 0;  // bytes
  std::map<std::string, uint64_t> left_out;  // "freezes": how many
};

// Reads a whole tape. kBadInput when it cannot be read.
[[nodiscard]] Result<ReportSpans> gather_report_spans(const TapeReader& tape);

}  // namespace ktape
