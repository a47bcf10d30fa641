// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/record.capnp.h"
#include "schema/tape/reading/reader.h"
#include "schema/wire/owned_message.h"

namespace ktape {

// A vCPU that a freeze by trigger was for.
struct FreezeHit {
  int32_t vcpu = -1;  // -1: not said
  std::string trigger;
};

// A freeze of a run, and what memory its tape kept of it.
struct RecordedFreeze {
  uint64_t id = 0;
  Seq began;
  HostNs at;
  Seq thawed;  // 0: the tape ends before
  schema::FreezeCause cause = schema::FreezeCause::NOT_SAID;
  uint64_t op = 0;                     // cause request
  uint32_t attempt = 0;                // of the request, from 1; 0: an older recorder did not say
  std::string triggers;                // cause trigger: triggers_text()
  std::vector<FreezeHit> hits;         // cause trigger, by vCPU
  std::string step;                    // name of the step that ran; empty before the first
  uint64_t pages = 0;                  // zero ones not counted
  std::optional<Digest> pages_digest;  // nothing: no memory was kept

  [[nodiscard]] bool is_hit_of(std::string_view trigger) const;
};

struct RecordedWorker {
  Seq started;
  std::string name;
  Pid pid;
  uint64_t start_boottime_ns = 0;
};

// What one looks up on a tape before one asks its memory: kernel, freezes, workers.
class TapeIndex {
 public:
  // Reads all records, against the tape's chain. Errors are those of the reader; kOutOfRange for
  // more freezes or workers than a run has.
  [[nodiscard]] static Result<TapeIndex> make(const TapeReader& tape);

  // In the order of the tape.
  [[nodiscard]] const std::vector<RecordedFreeze>& freezes() const { return freezes_; }
  [[nodiscard]] const std::vector<RecordedWorker>& workers() const { return workers_; }

  // "freeze:2", "freeze:last". kUsage when it is not that; kNotApplicable when there is no such
  // freeze.
  [[nodiscard]] Result<const RecordedFreeze*> freeze_at(std::string_view text) const;
  [[nodiscard]] const RecordedFreeze* freeze(uint64_t id) const;
  // The last worker of that name that had started by then; kUsage names the nearest.
  [[nodiscard]] Result<const RecordedWorker*> worker(std::string_view name, Seq by) const;

  // The first KernelIdentified; seq 0 when there is none.
  [[nodiscard]] schema::KernelIdentified::Reader kernel() const { return kernel_.get(); }
  [[nodiscard]] Seq kernel_seq() const { return kernel_seq_; }

 private:
  Result<void> visit(const RecordView& view);
  void thawed(Seq seq, schema::Thawed::Reader thawed);

  std::vector<RecordedFreeze> freezes_;
  std::vector<RecordedWorker> workers_;
  std::string step_;
  OwnedMessage<schema::KernelIdentified> kernel_;
  Seq kernel_seq_;
};

}  // namespace ktape
