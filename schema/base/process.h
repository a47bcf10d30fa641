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
  // A process group of its own. Descriptors without close-on-exec are handed on, as a user may
  // mean it who gives us /dev/fd/3.
  kGroup,
  // A session of its own, so that ^C at the terminal reaches only us, and nothing handed on but
  // what is given. The kernel kills it when the thread that started it ends (PR_SET_PDEATHSIG
  // follows the thread, not the process): that thread must live as long as it is needed.
  kBound,
};

struct ProcessPlan {
  // A descriptor of ours, and its number in the process (3 or more).
  using Inherited = std::vector<std::pair<int, int>>;

  std::string program;  // a path; with `on_path`, looked for as execvp(3) does
  std::vector<std::string> arguments;
  ProcessTie tie = ProcessTie::kGroup;
  bool on_path = false;
  int output = -1;  // becomes its standard output; -1: it is ours
  int errors = -1;  // the same of standard error
  Inherited inherited;
};

// A program that we started, with no standard input, no signal blocked, and SIGPIPE as usual. It is
// killed and waited for at the latest when this goes away.
class Process {
 public:
  // Returns once the program runs; the environment is ours. kHost, with the cause, when it cannot
  // be run. Threads may start processes at the same time.
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
  // SIGKILL for it and for what is left of its group, and waits for it. Nothing once it was waited
  // for: its number may be somebody else's then.
  [[nodiscard]] Result<void> kill();

 private:
  explicit Process(pid_t pid) : pid_(pid) {}

  pid_t pid_;  // -1: moved from
  UniqueFd exit_fd_;
  std::optional<int> status_;
};

}  // namespace ktape
