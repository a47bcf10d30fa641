// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "guest/machine/io.h"

namespace ktape {

namespace {

// Everything that the child needs between fork and exec, where nothing may be allocated.
struct ChildPlan {
  const char* program;
  char* const* arguments;
  pid_t parent;
  int output;
  int failure;                                   // told errno when exec does not work
  std::vector<std::pair<int, int>> descriptors;  // changed in place
};

bool place_descriptors(ChildPlan& plan) {
  // First out of the way of all targets, then into place: a source may sit where a target belongs.
  int first_free = STDERR_FILENO + 1;
  for (auto& [source, target] : plan.descriptors) first_free = std::max(first_free, target + 1);
  plan.failure = ::fcntl(plan.failure, F_DUPFD_CLOEXEC, first_free);
  for (auto& [source, target] : plan.descriptors)
    source = ::fcntl(source, F_DUPFD_CLOEXEC, first_free);
  for (auto& [source, target] : plan.descriptors) {
    if (source < 0 || ::dup2(source, target) < 0) return false;
  }
  // Descriptors that others opened without close-on-exec stay here.
  return plan.failure >= 0 &&
         ::close_range(static_cast<unsigned>(first_free), ~0u, CLOSE_RANGE_CLOEXEC) == 0;
}

[[noreturn]] void run_child(ChildPlan& plan) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the request for its death signal.
  if (::getppid() != plan.parent) ::_exit(127);
  ::setsid();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  bool placed = null >= 0 && ::dup2(null, STDIN_FILENO) >= 0 &&
                ::dup2(plan.output, STDOUT_FILENO) >= 0 &&
                ::dup2(plan.output, STDERR_FILENO) >= 0 && place_descriptors(plan);
  if (placed) ::execvp(plan.program, plan.arguments);
  int failure = errno;
  ssize_t written = ::write(plan.failure, &failure, sizeof failure);
  ::_exit(written == sizeof failure ? 127 : 126);
}

// errno of the exec that failed; 0 once it worked, which closes the pipe.
int exec_failure(int fd) {
  int failure = 0;
  ssize_t n = 0;
  do {
    n = ::read(fd, &failure, sizeof failure);
  } while (n < 0 && errno == EINTR);
  return n == sizeof failure ? failure : 0;
}

bool speaks_of_error(std::string_view line) {
  std::string lower(line);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.find("error") != std::string::npos && lower.find("warning:") == std::string::npos;
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const std::string& program,
                                                          const std::vector<std::string>& arguments,
                                                          const Inherited& inherited) {
  KTAPE_ASSIGN(Pipe output, make_pipe());
  KTAPE_ASSIGN(Pipe failure, make_pipe());
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ChildPlan plan{program.c_str(),    argv.data(),         ::getpid(),
                 output.write.get(), failure.write.get(), inherited};
  pid_t pid = ::fork();
  if (pid < 0) return system_error(ErrorCode::kHost, "cannot start '" + program + "'");
  if (pid == 0) run_child(plan);
  // By number: glibc 2.36 declares pidfd_open() without C linkage.
  int exit_fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  int pidfd_errno = errno;
  std::unique_ptr<ChildProcess> child(
      new ChildProcess(pid, UniqueFd(exit_fd), std::move(output.read)));
  failure.write.reset();
  output.write.reset();
  if (exit_fd < 0)
    return system_error(ErrorCode::kHost, "cannot watch '" + program + "'", pidfd_errno);
  if (int errnum = exec_failure(failure.read.get()); errnum != 0) {
    return system_error(ErrorCode::kHost, "cannot run '" + program + "'", errnum);
  }
  if (::fcntl(child->output_fd(), F_SETFL, O_NONBLOCK) != 0) {
    return system_error(ErrorCode::kHost, "cannot make a pipe non-blocking");
  }
  return child;
}

ChildProcess::~ChildProcess() { kill(); }

void ChildProcess::drain_output() {
  while (output_fd_.valid()) {
    Result<ReadResult> got = read_some(output_fd_.get(), kMaxOutputBytes);
    if (!got.ok() || got->ended) return output_fd_.reset();
    if (got->bytes.empty()) return;
    output_.append(reinterpret_cast<const char*>(got->bytes.data()), got->bytes.size());
    if (output_.size() > kMaxOutputBytes) output_.erase(0, output_.size() - kMaxOutputBytes);
  }
}

bool ChildProcess::wait_for_end(std::chrono::steady_clock::time_point deadline) {
  if (ended_) return true;
  pollfd exit{exit_fd_.get(), POLLIN, 0};
  Result<bool> ready = poll_until({&exit, 1}, deadline);
  if (!ready.ok() || !*ready) return false;
  reap();
  return true;
}

void ChildProcess::kill() {
  if (ended_) return;
  ::kill(pid_, SIGKILL);
  reap();
}

void ChildProcess::reap() {
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  ended_ = true;
}

std::string ChildProcess::how_it_ended() const {
  if (!ended_) return "is running";
  if (WIFEXITED(status_)) return fmt::format("exited with status {}", WEXITSTATUS(status_));
  return fmt::format("was killed by signal {} ({})", WTERMSIG(status_),
                     ::strsignal(WTERMSIG(status_)));
}

std::string ChildProcess::how_it_stopped() const {
  siginfo_t info{};
  // Left waitable, so that the next call tells it again.
  if (ended_ || ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WNOHANG | WNOWAIT) != 0)
    return "";
  if (info.si_pid != pid_ || info.si_code != CLD_STOPPED) return "";
  return fmt::format("is stopped by signal {} ({})", info.si_status, ::strsignal(info.si_status));
}

std::string telling_line(std::string_view output) {
  std::string last;
  while (!output.empty()) {
    size_t end = std::min(output.find('\n'), output.size());
    std::string_view line = output.substr(0, end);
    output.remove_prefix(std::min(end + 1, output.size()));
    size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) continue;
    line = line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
    if (speaks_of_error(line)) return std::string(line);
    last = line;
  }
  return last;
}

}  // namespace ktape
