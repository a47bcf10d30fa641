// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "guest/inside/workers/worker_process.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/scenario.capnp.h"

namespace ktape {

struct RunningWorker {
  std::string name;
  Pid pid;
  uint64_t start_boottime_ns = 0;
  std::string comm;
  bool alive = true;
  bool unreaped = false;  // stays a zombie after it has ended
  UniqueFd go;
  SharedCounter phases_done;
};

// How a worker ended: `status` is its exit code, or the signal that killed it.
struct WorkerExit {
  const RunningWorker* worker = nullptr;
  bool killed = false;
  int status = 0;
};

// A child of the agent that is not a worker and was reaped.
struct EndedChild {
  Pid pid;
  int wait_status = 0;
};

// Sets the policy of a task, with a priority if the policy has one (0: the default, 1).
[[nodiscard]] Result<void> set_policy(Pid pid, schema::Policy policy, uint32_t priority);

// The scenario's workers. The kernel kills them when the agent ends.
class WorkerSet {
 public:
  // Forks and configures a worker: affinity, nice, policy. It does not run before `release`. The
  // reference stays valid.
  [[nodiscard]] Result<const RunningWorker*> prepare(schema::Worker::Reader spec);
  [[nodiscard]] Result<void> release(std::string_view name);

  // kNotFound names the worker.
  [[nodiscard]] Result<const RunningWorker*> find(std::string_view name) const;
  [[nodiscard]] const std::deque<RunningWorker>& all() const { return workers_; }

  // Workers that have ended since the last call. As PID 1, the agent reaps other children here too,
  // but only if no worker must stay a zombie: waitpid would return that one again and again. The
  // `worker` of each is valid as long as this set.
  [[nodiscard]] std::vector<WorkerExit> reap();
  // The other children that were reaped.
  [[nodiscard]] std::vector<EndedChild> take_strangers() { return std::exchange(strangers_, {}); }

  // Removes the real-time or deadline policy of workers that still run.
  void make_ordinary() const;

  // From now on every worker that has ended is reaped.
  void keep_no_zombies();

 private:
  void reap_matching(pid_t which, std::vector<WorkerExit>& exits);

  std::deque<RunningWorker> workers_;
  std::vector<EndedChild> strangers_;
};

}  // namespace ktape
