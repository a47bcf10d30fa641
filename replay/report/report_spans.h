// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "replay/tape/freeze.h"
#include "replay/text/vcpu_text.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/reading/reader.h"

// What a report draws and lists of a tape besides its run facts: when things happened, what the
// vCPUs did at each freeze, and what the guest's kernel printed. Texts are safe to print. Bounded:
// what exceeds the limits is counted.

namespace ktape {

// Something on the timeline. Without an end it lasts to the end of the run.
struct Span {
  HostNs begin;
  HostNs end;
  std::string label;  // on the bar
  std::string text;   // all of it
  bool failed = false;
  Seq seq;
};

// A freeze, and what the vCPUs did at it.
struct DrawnFreeze {
  Freeze freeze;      // without its step
  std::string cause;  // cause_after_for(), and the kernel's message
  std::vector<VcpuText> vcpus;
  uint64_t vcpus_left_out = 0;
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
  std::vector<DrawnFreeze> freezes;
  std::vector<SampleFacts> samples;
  // Of requests, replies and the records in RunFacts::incidents, by seq.
  std::map<uint64_t, HostNs> times;
  std::string console;                       // its lines; the first and the last of a long one
  uint64_t console_left_out = 0;             // bytes
  std::map<std::string, uint64_t> left_out;  // "freezes": number left out
};

// Reads a whole tape. kBadInput if it cannot be read.
[[nodiscard]] Result<ReportSpans> gather_report_spans(const TapeReader& tape);

}  // namespace ktape
