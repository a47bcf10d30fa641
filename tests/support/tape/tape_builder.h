// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schema/record.capnp.h"
#include "schema/tape/writing/writer.h"

namespace ktape::test {

// Targets, for the entries below.
using FillTarget = std::function<void(schema::Target::Builder)>;
FillTarget task_target(std::string worker, int32_t pid, uint64_t start_boottime_ns,
                       std::string path);
FillTarget per_cpu_target(std::string symbol, uint32_t cpu, std::string path);
FillTarget symbol_target(std::string symbol);

// A gate that was checked for an entry.
struct TapeGate {
  schema::Gate gate = schema::Gate::NOT_SAID;
  schema::GateOutcome outcome = schema::GateOutcome::FAILED;
  std::string observed;
};

// One entry of a request with its result. By default a read of a u64 that is done.
struct TapeEntry {
  std::string tag;
  FillTarget target;
  std::optional<uint64_t> write;                     // writes: the u64 to store
  schema::ValueKind asked = schema::ValueKind::U64;  // reads
  schema::EntryStatus status = schema::EntryStatus::DONE;
  uint64_t value = 0;  // read, or found after the write; in the width asked
  uint32_t width_bytes = 8;
  std::string reason;
  std::string type;  // BTF's name of the type
  bool width_checked = false;
  std::optional<uint64_t> before;  // writes: what stood there
  std::vector<TapeGate> gates;
  int32_t protecting_cpu = -1;
  std::string note;
};

// Builds a tape record by record, without a guest. Each record is one millisecond after the one
// before it. Errors are thrown: the test case fails with their text.
class TapeBuilder {
 public:
  explicit TapeBuilder(const std::string& path);

  Seq add(const std::function<void(schema::Record::Builder)>& fill);

  // Common beginnings: a run of `scenario` on a 2-CPU guest, a scheduler, a worker, a step.
  Seq run_started(const std::string& scenario = "test");
  Seq scheduler_attached(uint32_t id,
                         schema::VtimeSemantics vtime = schema::VtimeSemantics::ONLY_GROWS);
  Seq scheduler_exited(uint32_t id, uint64_t kind = 64);
  Seq worker_started(const std::string& name, int32_t pid, uint64_t start_boottime_ns);
  Seq step_started(uint32_t step, const std::string& name);
  Seq step_finished(uint32_t step, bool ok = true);

  // A cold request served in a freeze of its own: OpRequested, FreezeBegan, Frozen, the
  // gates, Thawed and OpReplied. Returns the sequence number of the reply.
  Seq op(const std::vector<TapeEntry>& entries, uint32_t step = 0);

  // A hot request of the agent at `guest` and its reply. `interval`: its number in a series; 0:
  // none.
  Seq hot(const TapeEntry& entry, uint64_t interval = 0, GuestNs guest = GuestNs(0),
          uint32_t step = 0);

  // Sets what later freezes find; nothing until set.
  std::function<void(schema::Frozen::Builder)> frozen;

  // The triggers in the seal; none until set.
  struct Trigger {
    std::string name;
    bool armed = true;
    uint64_t freezes = 0;
    uint64_t hits = 0;
  };
  std::vector<Trigger> triggers;
  // The intervals in the seal; none until set.
  std::function<void(schema::IntervalCounts::Builder)> intervals;

  // A request that is never served. Returns its sequence number.
  Seq request(const std::vector<TapeEntry>& entries, uint32_t step = 0);

  // GuestExited (for outcomes in which the agent says done), then the seal.
  SealedTape seal(schema::Outcome outcome = schema::Outcome::COMPLETED, int32_t exit_code = 0);

  [[nodiscard]] TapeWriter& writer() { return *writer_; }

 private:
  void add_gates(uint64_t op, uint32_t entry, const std::vector<TapeGate>& gates);

  std::unique_ptr<TapeWriter> writer_;
  uint64_t host_ns_ = 0;
  uint64_t ops_ = 0;
};

}  // namespace ktape::test
