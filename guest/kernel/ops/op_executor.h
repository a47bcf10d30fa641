// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/op.h"
#include "guest/kernel/ops/served_op.h"
#include "guest/kernel/ops/target_plan.h"
#include "guest/kernel/sched/evidence.h"
#include "guest/kernel/types/layout_log.h"
#include "guest/memory/guest_memory.h"

namespace ktape {

// Serves kernel ops on a stopped machine, or on memory kept on a tape. Resolves names once and
// caches them. One per adopted kernel. Whatever a hostile guest requests, it limits the places that
// paths may visit, the bytes of values, and the names cached.
class OpExecutor {
 public:
  explicit OpExecutor(const Kernel& kernel, Lists lists = Lists::kWhole);
  ~OpExecutor();

  // A request is served in three parts, so that only the second needs the machine stopped
  // (ARCHITECTURE.md, Invariants). `ops` outlive the results: PreparedOps points into them.
  // A request is served in three parts, so that only the second needs the machine stopped. `ops`
  // outlive the results.
  [[nodiscard]] std::vector<PreparedOp> prepare(const std::vector<Op>& ops);
  // A batch of reads: each succeeds or fails by itself. Same order and size as the ops. `moment`
  // belongs to the freeze; what is missing from it counts as unknown.
  [[nodiscard]] ServedOps serve_reads(const GuestMemory& memory,
                                      const std::vector<PreparedOp>& prepared,
                                      const StopMoment& moment = {});
  // A batch of writes: the gates of all are checked before anything is written, and if one refuses,
  // nothing is. After that, the first write that fails stops the rest (kNotReached); nothing is
  // rolled back. An op that cannot be served because of its names, and all ops after it, are not
  // checked.
  [[nodiscard]] ServedOps serve_writes(WritableGuestMemory& memory,
                                       const std::vector<PreparedOp>& prepared);
  // `served` belongs to `prepared` and `moment`.
  [[nodiscard]] std::vector<OpResult> describe(const std::vector<PreparedOp>& prepared,
                                               ServedOps served,
                                               const StopMoment& moment = {}) const;

  // All three at once.
  [[nodiscard]] std::vector<OpResult> read(const GuestMemory& memory, const std::vector<Op>& ops,
                                           const StopMoment& moment = {});
  [[nodiscard]] std::vector<OpResult> write(WritableGuestMemory& memory, const std::vector<Op>& ops,
                                            const StopMoment& moment = {});

  // Reads one aligned value of at most 8 bytes of a symbol or per-CPU target from a running
  // machine. Anything else is refused: it could change between two loads.
  [[nodiscard]] OpResult read_hot(const GuestMemory& memory, const Op& op);

  // Fields resolved since the last call, each once in the executor's life.
  [[nodiscard]] std::vector<UsedLayout> take_used_layouts();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape
