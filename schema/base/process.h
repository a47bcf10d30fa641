// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// How closely a process is tied to the thread that starts it.
enum class ProcessTie {
  // Its own process group. Descriptors without close-on-exec are inherited, as a user who passes
  // /dev/fd/3 may intend.
  kGroup,
  // Its own session, so that ^C at the terminal reaches only us; inherits only the given
  // descriptors. The kernel kills it when the thread that started it ends (PR_SET_PDEATHSIG follows
  // the thread, not the process): that thread must live as long as the process is needed.
  kBound,
  // Our process group, so that it may use the terminal as we do. ^C reaches both.
  kForeground,
};

struct ProcessPlan {
  // A descriptor of ours, and its number in the process (3 or more).
  using Inherited = std::vector<std::pair<int, int>>;

  std::string program;  // a path; with `on_path`, looked up as by execvp(3)
  std::vector<std::string> arguments;
  ProcessTie tie = ProcessTie::kGroup;
  bool on_path = false;
  int input = -1;   // becomes its standard input; -1: it has none
  int output = -1;  // becomes its standard output; -1: ours
  int errors = -1;  // the same for standard error
  Inherited inherited;
};

// A program that we started, with no signal blocked and the default action for SIGPIPE. The
// destructor kills it and waits for it, if it has not ended.
class Process {
 public:
  // Returns once the program runs; the environment is ours. kHost, with the cause, if it cannot be
  // run; nothing is left then. Threads may start processes concurrently. The descriptors of the
  // plan stay the caller's: the process gets copies.
  [[nodiscard]] static Result<Process> start(const ProcessPlan& plan);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Readable once it has ended.
  [[nodiscard]] int exit_fd() const { return exit_fd_.get(); }
  // As of wait(2); nothing until it was waited for.
  [[nodiscard]] std::optional<int> status() const { return status_; }

  // Waits for its end.
  [[nodiscard]] Result<void> wait();
  // Sends SIGKILL to it and the rest of its group, and waits for it. Does nothing once it was
  // waited for: its number may have been reused.
  [[nodiscard]] Result<void> kill();

 private:
  explicit Process(pid_t pid) : pid_(pid) {}

  pid_t pid_;  // -1: moved from
  UniqueFd exit_fd_;
  std::optional<int> status_;
};

}  // namespace ktape
