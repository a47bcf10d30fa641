// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "replay/tape/freeze.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/record.capnp.h"
#include "schema/tape/reading/reader.h"
#include "schema/wire/owned_message.h"

namespace ktape {

struct RecordedWorker {
  Seq started;
  std::string name;
  Pid pid;
  uint64_t start_boottime_ns = 0;
};

// What is looked up on a tape before its memory is read: kernel, freezes, workers.
class TapeIndex {
 public:
  // Reads all records and checks them against the tape's chain. Errors are those of the reader;
  // kOutOfRange for more freezes or workers than a run has.
  [[nodiscard]] static Result<TapeIndex> make(const TapeReader& tape);

  // In the order of the tape.
  [[nodiscard]] const std::vector<Freeze>& freezes() const { return freezes_; }
  [[nodiscard]] const std::vector<RecordedWorker>& workers() const { return workers_; }

  // "freeze:2", "freeze:last", "freeze:error". kUsage for anything else; kNotApplicable if there is
  // no such freeze.
  // The freeze is valid as long as the index.
  [[nodiscard]] Result<const Freeze*> freeze_at(std::string_view text) const;
  [[nodiscard]] const Freeze* freeze(uint64_t id) const;
  // The last one because of a scheduler's error; nullptr if there is none.
  [[nodiscard]] const Freeze* error_freeze() const;
  // The last worker of that name that had started by then; kUsage names the nearest.
  // The last worker of that name that had started by then, valid as long as the index; kUsage names
  // the nearest.
  [[nodiscard]] Result<const RecordedWorker*> worker(std::string_view name, Seq by) const;

  // The first KernelIdentified; seq 0 if there is none.
  [[nodiscard]] schema::KernelIdentified::Reader kernel() const { return kernel_.get(); }
  [[nodiscard]] Seq kernel_seq() const { return kernel_seq_; }

 private:
  Result<void> visit(const RecordView& view);
  // The freeze of a Frozen or Thawed; nullptr if there is none.
  Freeze* last_freeze(uint64_t id);

  std::vector<Freeze> freezes_;
  std::vector<RecordedWorker> workers_;
  std::string step_;
  OwnedMessage<schema::KernelIdentified> kernel_;
  Seq kernel_seq_;
};

}  // namespace ktape
