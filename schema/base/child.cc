// SPDX-License-Identifier: Apache-2.0
#include "schema/base/child.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "schema/base/file.h"
#include "schema/base/pipe.h"
#include "schema/base/process.h"

namespace ktape {

namespace {

using Clock = std::chrono::steady_clock;

// How long to wait for output of processes that the program left running.
constexpr std::chrono::milliseconds kAfterEnd{1000};

// Reads a child's output until it has ended and closed it, or has to be stopped.
class Listener {
 public:
  Listener(UniqueFd output, UniqueFd errors, int end, const ChildOptions& options,
           ChildResult& result)
      : output_(std::move(output)),
        errors_(std::move(errors)),
        end_(end),
        options_(options),
        result_(result) {
    if (options.time) deadline_ = Clock::now() + *options.time;
  }

  Result<void> listen() {
    while (output_.valid() || errors_.valid() || end_ >= 0) {
      std::array<pollfd, 4> fds = {{{output_.get(), POLLIN, 0},
                                    {errors_.get(), POLLIN, 0},
                                    {end_, POLLIN, 0},
                                    {options_.interrupt_fd, POLLIN, 0}}};
      int ready = ::poll(fds.data(), fds.size(), milliseconds_left());
      if (ready < 0 && errno != EINTR)
        return system_error(ErrorCode::kHost, "cannot wait for output");
      // A poll without events: the deadline, or a signal that was not ours.
      if (ready == 0 && Clock::now() >= *deadline_) return out_of_time();
      if (ready <= 0) continue;
      if (fds[3].revents != 0) return stop("interrupted");
      if (fds[0].revents != 0) KTAPE_TRY(take_output());
      if (fds[1].revents != 0) KTAPE_TRY(take_errors());
      // A limit was exceeded: the rest is not read.
      if (!result_.stopped.empty()) return {};
      if (fds[2].revents != 0) ended();
    }
    return {};
  }

 private:
  int milliseconds_left() const {
    if (!deadline_) return -1;
    // Rounded up, and bounded to fit into poll's int.
    auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - Clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, 1'000'000));
  }

  void ended() {
    // Descendants may hold the pipe open for ever; they get a second to print what is left.
    end_ = -1;
    auto last = Clock::now() + kAfterEnd;
    deadline_ = deadline_ ? std::min(*deadline_, last) : last;
  }

  Result<void> out_of_time() {
    if (end_ < 0) return {};  // it has ended, its descendants have not
    return stop("did not end within " + std::to_string(options_.time->count()) + " ms");
  }

  Result<void> stop(std::string why) {
    result_.stopped = std::move(why);
    return {};
  }

  Result<std::string> take(UniqueFd& fd) {
    char buffer[16384];
    const ssize_t n = read_through_signals(fd.get(), buffer, sizeof buffer);
    if (n < 0) return system_error(ErrorCode::kHost, "cannot read the output of a child process");
    if (n == 0) fd.reset();
    return std::string(buffer, static_cast<size_t>(n));
  }

  Result<void> take_output() {
    KTAPE_ASSIGN(std::string more, take(output_));
    // What is over the limit is counted, and not kept.
    result_.output.append(more, 0, options_.output_bytes - result_.output.size());
    bytes_ += more.size();
    if (bytes_ <= options_.output_bytes) return {};
    return stop("printed more than " + std::to_string(options_.output_bytes) + " bytes");
  }

  Result<void> take_errors() {
    KTAPE_ASSIGN(std::string more, take(errors_));
    result_.errors.append(more, 0, *options_.error_bytes - result_.errors.size());
    return {};
  }

  UniqueFd output_;
  UniqueFd errors_;
  int end_;  // readable when the child has ended; -1 after that was seen
  const ChildOptions& options_;
  ChildResult& result_;
  std::optional<Clock::time_point> deadline_;
  size_t bytes_ = 0;
};

}  // namespace

Result<ChildResult> run_child(const std::string& program, const std::vector<std::string>& arguments,
                              const ChildOptions& options) {
  KTAPE_ASSIGN(Pipe output, make_pipe());
  Pipe errors;
  if (options.error_bytes) {
    KTAPE_ASSIGN(errors, make_pipe());
  }
  KTAPE_ASSIGN(Process child, Process::start({.program = program,
                                              .arguments = arguments,
                                              .output = output.write.get(),
                                              .errors = errors.write.get()}));
  output.write.reset();
  errors.write.reset();
  ChildResult result;
  Listener listener(std::move(output.read), std::move(errors.read), child.exit_fd(), options,
                    result);
  KTAPE_TRY(listener.listen());
  // Also after a normal end: kills what the program left behind in its group.
  KTAPE_TRY(child.kill());
  const int status = *child.status();
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

Result<ChildResult> run_child(const std::string& program, const std::vector<std::string>& arguments,
                              size_t limit_bytes) {
  KTAPE_ASSIGN(ChildResult result, run_child(program, arguments, ChildOptions{limit_bytes}));
  if (result.stopped.empty()) return result;
  return Error{ErrorCode::kBadInput,
               "'" + program + "' prints more than " + std::to_string(limit_bytes) + " bytes", ""};
}

}  // namespace ktape
