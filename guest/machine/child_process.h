// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// A child that never outlives its parent: the kernel kills it when the thread that started it ends
// (PR_SET_PDEATHSIG follows the thread, not the process), and so does the destructor. It runs in a
// session of its own, so that ^C at the terminal reaches only the parent, with no input, and with
// nothing inherited but what it is given.
class ChildProcess {
 public:
  // What stays of stdout and stderr: the last bytes of it.
  static constexpr size_t kMaxOutputBytes = size_t{16} << 10;

  // A descriptor of ours, and its number in the child (3 or more).
  using Inherited = std::vector<std::pair<int, int>>;

  // Returns once the program runs. kHost when it cannot be run. The calling thread must live as
  // long as the child is needed.
  [[nodiscard]] static Result<std::unique_ptr<ChildProcess>> start(
      const std::string& program, const std::vector<std::string>& arguments,
      const Inherited& inherited);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Readable once the child has ended.
  [[nodiscard]] int exit_fd() const { return exit_fd_.get(); }
  // Readable when the child has written something, or has closed its output; -1 after that.
  [[nodiscard]] int output_fd() const { return output_fd_.get(); }

  // Takes what the child wrote since the last call. Does not block.
  void drain_output();
  [[nodiscard]] const std::string& output() const { return output_; }

  // True once it has ended, waiting until `deadline` at most.
  [[nodiscard]] bool wait_for_end(std::chrono::steady_clock::time_point deadline);
  // SIGKILL, and reaps it.
  void kill();
  // "exited with status 1", "was killed by signal 9 (Killed)"; "is running" before the end.
  [[nodiscard]] std::string how_it_ended() const;
  // "is stopped by signal 19 (Stopped (signal))" while it is; else empty.
  [[nodiscard]] std::string how_it_stopped() const;

 private:
  ChildProcess(pid_t pid, UniqueFd exit_fd, UniqueFd output_fd)
      : pid_(pid), exit_fd_(std::move(exit_fd)), output_fd_(std::move(output_fd)) {}
  void reap();

  pid_t pid_;
  UniqueFd exit_fd_;
  UniqueFd output_fd_;
  std::string output_;
  bool ended_ = false;
  int status_ = 0;
};

// The line of a program's output that tells best what went wrong: the first that speaks of an
// error, or else the last that is not blank. Empty when there is none.
[[nodiscard]] std::string telling_line(std::string_view output);

}  // namespace ktape
