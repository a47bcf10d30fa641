// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "capture/freeze/freeze_triggers.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/writing/writer.h"
#include "schema/terms/freeze_counts.h"

namespace ktape {

// Puts what happens in a run on its tape: stamps records with host time since the run began, and
// counts what had to be left out. Not bound to a machine.
class Recorder {
 public:
  using Clock = std::chrono::steady_clock;

  // A guest must not fill the host's disk.
  static constexpr uint64_t kMaxTapeBytes = uint64_t{4000} * 1000 * 1000;

  // `writer` outlives the recorder. The run begins now. `most_tape_bytes`: when the tape counts as
  // full.
  explicit Recorder(TapeWriter& writer, uint64_t most_tape_bytes = kMaxTapeBytes)
      : writer_(writer), most_tape_bytes_(most_tape_bytes), began_(Clock::now()) {}

  [[nodiscard]] HostNs now() const { return at(Clock::now()); }
  [[nodiscard]] HostNs at(Clock::time_point time) const;

  // One record, as of now or as of `host`. `guest` is 0 for what the host itself observed.
  Result<void> record(const std::function<void(schema::Record::Builder)>& fill) {
    return record_at(now(), GuestNs(0), fill);
  }
  Result<void> record_at(HostNs host, GuestNs guest,
                         const std::function<void(schema::Record::Builder)>& fill);
  Result<void> commit() { return writer_.commit(); }
  // The tape takes as much of the disk as it may, by the last commit; what is recorded still goes
  // on it.
  [[nodiscard]] bool is_full() const { return writer_.bytes() >= most_tape_bytes_; }
  [[nodiscard]] uint64_t most_tape_bytes() const { return most_tape_bytes_; }
  Result<Digest> add_blob(std::string_view name, std::span<const std::byte> bytes) {
    return writer_.add_blob(name, bytes);
  }

  Result<Digest> add_page(std::span<const std::byte> bytes) { return writer_.add_page(bytes); }
  Result<PagesKept> add_freeze_pages(uint64_t freeze, std::span<const FreezePage> rows) {
    return writer_.add_freeze_pages(freeze, rows);
  }

  // Something was not recorded: it is counted under `name`, and the tape ends with the counts.
  void lose(const std::string& name, const std::string& description, uint64_t count);

  // Ends the tape. The recorder is spent.
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
