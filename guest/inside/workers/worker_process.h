// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "guest/inside/workers/phase_plan.h"
#include "schema/base/file.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// A counter that a worker and the agent share, across fork(). Owns the mapping; the worker inherits
// it.
class SharedCounter {
 public:
  [[nodiscard]] static Result<SharedCounter> create();
  ~SharedCounter();
  SharedCounter(SharedCounter&& other) noexcept;
  SharedCounter& operator=(SharedCounter&&) = delete;

  [[nodiscard]] std::atomic<uint64_t>& value() const { return *value_; }

 private:
  explicit SharedCounter(std::atomic<uint64_t>* value) : value_(value) {}
  std::atomic<uint64_t>* value_;
};

// A worker that was forked and named, and waits to be started.
struct ForkedWorker {
  Pid pid;
  UniqueFd go;  // a byte written here starts its phases; closing it ends the worker
};

// Forks a worker. Its name is its comm; it dies with the agent, has none of the agent's
// descriptors, and waits under the agent's policy and affinity, so that it can be configured even
// if no other task gets a CPU. Its phases begin with a byte at `go`; after them it exits with 0.
// `phases_done` is in memory that both share (SharedCounter).
[[nodiscard]] Result<ForkedWorker> fork_worker(const std::string& name, PhasePlan plan,
                                               std::atomic<uint64_t>& phases_done);

}  // namespace ktape
