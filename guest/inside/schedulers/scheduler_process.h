// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// The program of a scheduler that the user brought: a child of the agent in its own process group,
// with policy SCHED_OTHER, that dies with the agent. Its destructor kills the group.
//
// It is not a Process of schema/base/process.h. The agent reaps all children of the guest, so none
// may wait for its own. And what an agent's child needs, a Process does not do: leave SCHED_FIFO,
// get an environment of its own, and stay in the agent's session, because setsid() would make a new
// autogroup, in which the kernel would schedule it apart (kernel/sched/autogroup.c).
class SchedulerProcess {
 public:
  // kHost, with the kernel's error for the file, if it cannot be started.
  [[nodiscard]] static Result<std::unique_ptr<SchedulerProcess>> start(
      const std::string& path, const std::vector<std::string>& arguments);
  ~SchedulerProcess();
  SchedulerProcess(const SchedulerProcess&) = delete;
  SchedulerProcess& operator=(const SchedulerProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Its stdout and stderr, for poll(2); -1 when both are closed.
  [[nodiscard]] int output_fd() const { return output_.get(); }
  // What it wrote since the last call; empty if there is nothing now.
  [[nodiscard]] std::string read_output();

  // Signals the whole group, as Ctrl-C does.
  void signal(int number) const;
  // To be called when the agent has reaped it.
  void ended(int wait_status) { wait_status_ = wait_status; }
  [[nodiscard]] bool has_ended() const { return wait_status_.has_value(); }
  [[nodiscard]] bool was_killed() const;
  // Its exit status, or the signal that killed it.
  [[nodiscard]] int status() const;
  // "exited with status 1", "was killed by signal 11", "still runs".
  [[nodiscard]] std::string how_it_ended() const;

 private:
  SchedulerProcess(pid_t pid, UniqueFd output) : pid_(pid), output_(std::move(output)) {}

  pid_t pid_;
  UniqueFd output_;
  std::optional<int> wait_status_;
};

}  // namespace ktape
