// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/op_executor.h"
#include "guest/kernel/sched/evidence.h"
#include "replay/rerun/field_difference.h"
#include "replay/rerun/served_requests.h"
#include "replay/tape/recorded_memory.h"
#include "replay/tape/tape_index.h"
#include "schema/base/result.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

// A field of a record that today's code computes differently.
struct ReplayDifference {
  Seq seq;  // of the record that differs
  // "request 3 entry 0 ('vtime')", "gate identity of request ...", "freeze 2 CPU 1".
  std::string what;
  FieldDifference field;
};

// The result of replaying a tape.
struct ReplayReport {
  uint64_t requests = 0;      // cold ones that were served in a freeze
  uint64_t replayed = 0;      // of those: executed again, and compared completely
  uint64_t no_memory = 0;     // of those: no memory of their freeze was kept
  uint64_t not_captured = 0;  // of those: something that they needed was not captured
  uint64_t deferred = 0;      // of those: came before the kernel was adopted
  uint64_t entries = 0;       // compared
  uint64_t gates = 0;         // compared
  uint64_t tries = 0;         // of requests, before the last of each, whose gates were compared
  uint64_t freezes = 0;       // whose evidence was compared
  uint64_t layouts = 0;       // compared
  uint64_t hot = 0;           // read while the machine ran: there is nothing to compare them with
  uint64_t refused = 0;       // before a freeze
  uint64_t unanswered = 0;    // no reply on the tape
  uint64_t difference_count = 0;
  std::vector<ReplayDifference> differences;  // the first of them
};

// Runs today's op, gate and evidence code over recorded memory, and compares the results with the
// records: every field but host times. Writes go to a copy of a freeze's memory.
class Reexecution {
 public:
  static constexpr size_t kDifferencesKept = 1000;

  // All outlive it.
  Reexecution(const TapeReader& tape, const TapeIndex& index, const Kernel& kernel);
  Reexecution(const Reexecution&) = delete;
  Reexecution& operator=(const Reexecution&) = delete;

  // All records, in order. Errors are those of a tape that cannot be used; differences are not
  // errors.
  Result<void> visit(const RecordView& view);
  // After the last record.
  [[nodiscard]] ReplayReport finish();

 private:
  // Differences that may turn out not to count.
  using Found = std::vector<ReplayDifference>;

  Result<RecordedMemory*> memory_of(uint64_t freeze);
  // Compares the evidence of a freeze.
  Result<void> frozen(Seq seq, schema::Frozen::Reader recorded);
  // Replays a request whose reply has come.
  Result<void> served(const ServedRequest& served);
  // The results of a request's ops in a freeze.
  struct Execution {
    std::vector<OpResult> results;
    // Entries that needed something that was not captured, and may differ because of that.
    std::vector<bool> blind;
    bool may_pass = false;  // what refused them may be gone at the next try
  };

  // Those before the one that was answered, each on the memory of its own freeze.
  Result<void> replay_earlier_tries(const ServedRequest& served);
  Result<void> replay(const ServedRequest& served, RecordedMemory& memory);
  [[nodiscard]] StopMoment moment_of(uint64_t freeze, const RecordedMemory& memory) const;
  Execution execute(const std::vector<Op>& ops, RecordedMemory& memory, const StopMoment& moment);
  // As a recorder that tried only once: each write after its own gates.
  Execution execute_in_order(const std::vector<Op>& ops, RecordedMemory& memory);
  // The gates of a try that was refused, and that it was right to try again.
  void compare_try(const ServedRequest& served, const Freeze& freeze, const Execution& execution);
  bool compare_entries(const ServedRequest& served, Execution execution);
  void layout_used(Seq seq, schema::LayoutUsed::Reader recorded);
  void compare_layouts();
  void report(Found found);

  const TapeReader& tape_;
  const TapeIndex& index_;
  const Kernel& kernel_;
  OpExecutor executor_;
  EvidenceReader evidence_;
  ServedRequests requests_;
  std::map<uint64_t, std::vector<const Freeze*>> freezes_;  // of each request
  // For freezes whose request has no reply yet.
  std::map<uint64_t, std::vector<StoppedCpu>> stopped_;
  uint64_t memory_freeze_ = 0;                       // whose memory is open; freezes count from 1
  std::optional<RecordedMemory> memory_;             // nothing: none was kept
  std::vector<std::pair<Seq, UsedLayout>> layouts_;  // recorded
  ReplayReport report_;
};

}  // namespace ktape
