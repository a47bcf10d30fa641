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
#include "schema/base/process.h"
#include "schema/base/result.h"

namespace ktape {

// A process bound to us (ProcessTie::kBound) and the end of its output.
class ChildProcess {
 public:
  // Limit of what is kept of stdout and stderr together: the last bytes, because a program says why
  // it fails just before it ends.
  static constexpr size_t kMaxOutputBytes = size_t{16} << 10;

  using Inherited = ProcessPlan::Inherited;

  // `program` is looked up as by execvp(3). `inherited` maps our descriptors to their numbers in
  // the child, which gets no others but stdout and stderr. Returns once the program runs; kHost if
  // it cannot be run. The calling thread must live as long as the child is needed: the death signal
  // that binds the two follows the thread, not the process (PR_SET_PDEATHSIG).
  [[nodiscard]] static Result<std::unique_ptr<ChildProcess>> start(
      const std::string& program, const std::vector<std::string>& arguments,
      const Inherited& inherited);

  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  // Readable once the child has ended.
  [[nodiscard]] int exit_fd() const { return process_.exit_fd(); }
  // Readable when the child has written something, or has closed its output; -1 after that.
  [[nodiscard]] int output_fd() const { return output_fd_.get(); }

  // Takes what the child wrote since the last call. Does not block.
  void drain_output();
  // The last kMaxOutputBytes that `drain_output` has taken; bytes of a hostile guest's emulator, so
  // not printable as they are.
  [[nodiscard]] const std::string& output() const { return output_; }

  // True once it has ended, and then it has been reaped; waits until `deadline` at most.
  [[nodiscard]] bool wait_for_end(std::chrono::steady_clock::time_point deadline);
  // Sends SIGKILL to it and its group, and reaps it.
  void kill();
  // "exited with status 1", "was killed by signal 9 (Killed)"; "is running" before the end.
  [[nodiscard]] std::string how_it_ended() const;
  // "is stopped by signal 19 (Stopped (signal))" while it is; else empty.
  [[nodiscard]] std::string how_it_stopped() const;

 private:
  ChildProcess(Process process, UniqueFd output_fd)
      : process_(std::move(process)), output_fd_(std::move(output_fd)) {}

  Process process_;
  UniqueFd output_fd_;
  std::string output_;
};

// The line of a program's output that best explains a failure: the first that mentions an error, or
// else the last that is not blank. Empty if there is none.
[[nodiscard]] std::string error_line(std::string_view output);

}  // namespace ktape
