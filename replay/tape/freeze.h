// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/digest.h"
#include "schema/base/units.h"
#include "schema/record.capnp.h"

namespace ktape {

// A vCPU that a freeze by a trigger was for.
struct FreezeHit {
  int32_t vcpu = -1;  // -1: not said
  std::string trigger;
};

// A freeze of a run, and the memory that its tape kept. Texts are the record's, not escaped.
struct Freeze {
  uint64_t id = 0;
  Seq began;
  HostNs at;
  Seq thawed;  // 0: the tape ends before it
  schema::FreezeCause cause = schema::FreezeCause::NOT_SAID;
  uint64_t op = 0;              // for cause request
  uint32_t attempt = 0;         // of the request, from 1; 0: an older recorder did not say
  uint64_t interval = 0;        // for cause periodic; 0: an older recorder did not say
  std::vector<FreezeHit> hits;  // for cause trigger, by vCPU
  std::string step;             // name of the running step; empty before the first
  uint64_t stop_latency_ns = 0;
  uint64_t frozen_ns = 0;              // 0 before it is thawed
  int64_t bypass_depth = -1;           // of sched_ext; -1: not known
  uint64_t pages = 0;                  // without zero pages
  std::optional<Digest> pages_digest;  // nothing: no memory was kept

  [[nodiscard]] bool is_hit_of(std::string_view trigger) const;
  // Whether something in the run, or a user, caused it, rather than a request or an interval.
  [[nodiscard]] bool is_own() const;

  // Adds what later records of the freeze say.
  void froze(schema::Frozen::Reader frozen);
  void thaw(Seq seq, schema::Thawed::Reader record);
};

// The beginning of a freeze; the caller sets the step.
[[nodiscard]] Freeze freeze_of(schema::FreezeBegan::Reader began, Seq seq, HostNs at);

// Why a machine was frozen, in the words of each place that reports it. All are safe to print.

// In a sentence: "for request 7", "by trigger 'scx-error' on CPU 1", "periodic".
[[nodiscard]] std::string cause_text(const Freeze& freeze);
// After "for": "request 7, try 2", "trigger 'scx-error' on CPU 1", "periodic".
[[nodiscard]] std::string cause_after_for(const Freeze& freeze);
// On the timeline: "for request 7, try 2", "cause: trigger on CPUs 1, 3: scx-error,
// symbol:schedule", "cause: periodic, interval 3".
[[nodiscard]] std::string cause_on_timeline(const Freeze& freeze);
// As incidents of a run, one for each trigger: "freeze by the trigger 'scx-error'"; none for
// another cause.
[[nodiscard]] std::vector<std::string> cause_incidents(const Freeze& freeze);

}  // namespace ktape
