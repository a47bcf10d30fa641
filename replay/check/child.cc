// SPDX-License-Identifier: Apache-2.0
#include "replay/check/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "schema/base/file.h"

extern "C" char** environ;

namespace ktape {

namespace {

using Clock = std::chrono::steady_clock;

// What a program that has ended left running may still say.
constexpr std::chrono::milliseconds kAfterEnd{1000};

// A started child: it and its group are killed, and it is waited for, at the latest when this goes
// away.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (pid_ > 0) (void)end();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Until it is waited for, the number of the group cannot be anybody else's.
  Result<int> end() {
    ::kill(-pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0) {
      if (errno != EINTR) return system_error(ErrorCode::kHost, "cannot wait for a child process");
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
};

class SpawnSettings {
 public:
  SpawnSettings() {
    KTAPE_CHECK(::posix_spawn_file_actions_init(&actions_) == 0);
    KTAPE_CHECK(::posix_spawnattr_init(&attributes_) == 0);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  // 0, or an errno.
  int set(int output, int errors) {
    sigset_t none;
    ::sigemptyset(&none);
    int error = ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    if (error == 0) error = ::posix_spawn_file_actions_adddup2(&actions_, output, 1);
    if (error == 0 && errors >= 0) error = ::posix_spawn_file_actions_adddup2(&actions_, errors, 2);
    if (error == 0) error = ::posix_spawnattr_setsigmask(&attributes_, &none);
    if (error == 0) error = ::posix_spawnattr_setpgroup(&attributes_, 0);
    if (error == 0) {
      error =
          ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    }
    return error;
  }

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(ErrorCode::kHost, "cannot make a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// `errors` < 0: standard error is ours.
Result<pid_t> spawn(const std::string& program, const std::vector<std::string>& arguments,
                    int output, int errors) {
  SpawnSettings settings;
  int error = settings.set(output, errors);
  std::vector<char*> argv;
  argv.push_back(const_cast<char*>(program.c_str()));
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = -1;
  if (error == 0) {
    error = ::posix_spawn(&pid, program.c_str(), settings.actions(), settings.attributes(),
                          argv.data(), environ);
  }
  if (error != 0) return system_error(ErrorCode::kHost, "cannot run '" + program + "'", error);
  return pid;
}

// Listens to a child until it has ended and said all, or has to be stopped.
class Listener {
 public:
  Listener(UniqueFd output, UniqueFd errors, UniqueFd end, const ChildOptions& options,
           ChildResult& result)
      : output_(std::move(output)),
        errors_(std::move(errors)),
        end_(std::move(end)),
        options_(options),
        result_(result) {
    if (options.time) deadline_ = Clock::now() + *options.time;
  }

  Result<void> listen() {
    while (output_.valid() || errors_.valid() || end_.valid()) {
      std::array<pollfd, 4> fds = {{{output_.get(), POLLIN, 0},
                                    {errors_.get(), POLLIN, 0},
                                    {end_.get(), POLLIN, 0},
                                    {options_.interrupt_fd, POLLIN, 0}}};
      int ready = ::poll(fds.data(), fds.size(), milliseconds_left());
      if (ready < 0 && errno != EINTR)
        return system_error(ErrorCode::kHost, "cannot wait for output");
      if (ready == 0 && Clock::now() >= *deadline_) return out_of_time();
      if (ready <= 0) continue;
      if (fds[3].revents != 0) return stop("it was interrupted");
      if (fds[0].revents != 0) KTAPE_TRY(take_output());
      if (fds[1].revents != 0) KTAPE_TRY(take_errors());
      if (!result_.stopped.empty()) return {};
      if (fds[2].revents != 0) ended();
    }
    return {};
  }

 private:
  int milliseconds_left() const {
    if (!deadline_) return -1;
    auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - Clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, 1'000'000));
  }

  void ended() {
    end_.reset();
    auto last = Clock::now() + kAfterEnd;
    deadline_ = deadline_ ? std::min(*deadline_, last) : last;
  }

  Result<void> out_of_time() {
    if (!end_.valid()) return {};  // it has ended, what it left behind has not
    return stop("it did not end within " + std::to_string(options_.time->count()) + " ms");
  }

  Result<void> stop(std::string why) {
    result_.stopped = std::move(why);
    return {};
  }

  Result<std::string> take(UniqueFd& fd) {
    char buffer[16384];
    ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) return std::string();
    if (n < 0) return system_error(ErrorCode::kHost, "cannot read what a child process prints");
    if (n == 0) fd.reset();
    return std::string(buffer, static_cast<size_t>(n));
  }

  Result<void> take_output() {
    KTAPE_ASSIGN(std::string more, take(output_));
    result_.output.append(more, 0, options_.output_bytes - result_.output.size());
    bytes_ += more.size();
    if (bytes_ <= options_.output_bytes) return {};
    return stop("it printed more than " + std::to_string(options_.output_bytes) + " bytes");
  }

  Result<void> take_errors() {
    KTAPE_ASSIGN(std::string more, take(errors_));
    result_.errors.append(more, 0, *options_.error_bytes - result_.errors.size());
    return {};
  }

  UniqueFd output_;
  UniqueFd errors_;
  UniqueFd end_;  // can be read when the child has ended
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
  KTAPE_ASSIGN(pid_t pid,
               spawn(program, arguments, output.write_end.get(), errors.write_end.get()));
  Child child(pid);
  output.write_end.reset();
  errors.write_end.reset();
  // By number: glibc 2.36 declares pidfd_open() without C linkage.
  UniqueFd end(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!end.valid()) return system_error(ErrorCode::kHost, "cannot watch a child process");
  ChildResult result;
  Listener listener(std::move(output.read_end), std::move(errors.read_end), std::move(end), options,
                    result);
  KTAPE_TRY(listener.listen());
  KTAPE_ASSIGN(int status, child.end());
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
