// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/writing/writer.h"
#include "schema/terms/freeze_counts.h"

namespace ktape {

// Writes the events of a run to its tape: stamps records with the host time since the run began,
// and counts what was left out. Independent of the machine. Single-threaded: the order of calls is
// the order on the tape.
class Recorder {
 public:
  using Clock = std::chrono::steady_clock;

  // A guest must not fill the host's disk.
  static constexpr uint64_t kMaxTapeBytes = uint64_t{4000} * 1000 * 1000;

  // `writer` outlives the recorder. The run begins now. `most_tape_bytes`: size at which the tape
  // counts as full.
  explicit Recorder(TapeWriter& writer, uint64_t most_tape_bytes = kMaxTapeBytes)
      : writer_(writer), most_tape_bytes_(most_tape_bytes), began_(Clock::now()) {}

  [[nodiscard]] HostNs now() const { return at(Clock::now()); }
  [[nodiscard]] HostNs at(Clock::time_point time) const;

  // Adds one record, with the current host time or `host`. `guest` is 0 for what the host observed.
  Result<void> record(const std::function<void(schema::Record::Builder)>& fill) {
    return record_at(now(), GuestNs(0), fill);
  }
  Result<void> record_at(HostNs host, GuestNs guest,
                         const std::function<void(schema::Record::Builder)>& fill);
  // Makes durable what was recorded so far (against the end of this process; see TapeWriter).
  Result<void> commit() { return writer_.commit(); }
  // The tape has reached its size limit as of the last commit. Records can still be added.
  [[nodiscard]] bool is_full() const { return writer_.bytes() >= most_tape_bytes_; }
  [[nodiscard]] uint64_t most_tape_bytes() const { return most_tape_bytes_; }
  Result<Digest> add_blob(std::string_view name, std::span<const std::byte> bytes) {
    return writer_.add_blob(name, bytes);
  }

  Result<Digest> add_page(std::span<const std::byte> bytes) { return writer_.add_page(bytes); }
  Result<PagesKept> add_freeze_pages(uint64_t freeze, std::span<const FreezePage> rows) {
    return writer_.add_freeze_pages(freeze, rows);
  }

  // Counts something that was not recorded under `name`. The counts are at the end of the tape, in
  // Sealed; a tape that is never sealed does not have them. A name always comes with the same
  // description.
  void lose(const std::string& name, const std::string& description, uint64_t count);

  // Seals the tape. The recorder cannot be used afterwards.
  Result<SealedTape> seal(schema::Outcome outcome, int32_t exit_code, const std::string& detail,
                          const std::vector<TriggerCount>& triggers = {},
                          const std::optional<IntervalCounts>& intervals = {});

 private:
  struct Loss {
    std::string description;
    uint64_t count = 0;
  };

  TapeWriter& writer_;
  uint64_t most_tape_bytes_;
  Clock::time_point began_;
  std::map<std::string, Loss> losses_;
};

}  // namespace ktape
