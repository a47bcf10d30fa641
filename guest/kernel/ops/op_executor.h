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

// Serves kernel ops on a machine that stands still, or on memory that a tape kept. Resolves names
// once and caches them. One per adopted kernel. Bounded, whatever a hostile guest asks for: in the
// places that the paths of a request lead to, in the bytes that its values take, in the names that
// are kept.
class OpExecutor {
 public:
  explicit OpExecutor(const Kernel& kernel, Lists lists = Lists::kWhole);
  ~OpExecutor();

  // A request is served in three parts, so that the machine stands still for the second only. `ops`
  // outlive what is made of them.
  [[nodiscard]] PreparedOps prepare(const std::vector<Op>& ops);
  // A batch of reads: each succeeds or fails by itself. Same order and size as the ops. `moment` is
  // that of the freeze; what it lacks is not known.
  [[nodiscard]] ServedOps serve_reads(const GuestMemory& memory, const PreparedOps& prepared,
                                      const StopMoment& moment = {});
  // A batch of writes: the gates of all are looked at before anything is written, and where one
  // refuses, nothing is. Then the first write that does not succeed stops the rest (kNotReached),
  // nothing is rolled back. What cannot be served by its names alone, and what follows it, has no
  // say in that.
  [[nodiscard]] ServedOps serve_writes(WritableGuestMemory& memory, const PreparedOps& prepared);
  // `served` is of `prepared`, and of `moment`.
  [[nodiscard]] std::vector<OpResult> describe(const PreparedOps& prepared, ServedOps served,
                                               const StopMoment& moment = {}) const;

  // All three at once.
  [[nodiscard]] std::vector<OpResult> read(const GuestMemory& memory, const std::vector<Op>& ops,
                                           const StopMoment& moment = {});
  [[nodiscard]] std::vector<OpResult> write(WritableGuestMemory& memory, const std::vector<Op>& ops,
                                            const StopMoment& moment = {});

  // One aligned value of at most 8 bytes of a symbol or per-CPU target, from a running machine.
  [[nodiscard]] OpResult read_hot(const GuestMemory& memory, const Op& op);

  // Fields that were resolved since the last call, each once in the executor's life.
  [[nodiscard]] std::vector<UsedLayout> take_used_layouts();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape
