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

// The program of a scheduler that the user brought: a child of the agent in a process group of its
// own, of policy SCHED_OTHER, that dies with the agent. Destroying it kills the group.
class SchedulerProcess {
 public:
  // kHost where it cannot be started: the kernel's word on the file.
  [[nodiscard]] static Result<std::unique_ptr<SchedulerProcess>> start(
      const std::string& path, const std::vector<std::string>& arguments);
  ~SchedulerProcess();
  SchedulerProcess(const SchedulerProcess&) = delete;
  SchedulerProcess& operator=(const SchedulerProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // What it writes to stdout and stderr, for poll(2); -1 when both are closed.
  [[nodiscard]] int output_fd() const { return output_.get(); }
  // What it wrote since; empty when there is nothing now.
  [[nodiscard]] std::string read_output();

  // For the whole group, as Ctrl-C would.
  void signal(int number) const;
  // The agent reaped it.
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
