// SPDX-License-Identifier: Apache-2.0
#include "schema/base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "schema/base/pipe.h"

namespace ktape {

namespace {

// Everything that the child needs between fork and exec, where it must not allocate.
struct Child {
  const ProcessPlan& plan;
  char* const* arguments;
  pid_t parent;
  int failure;                         // receives errno if exec fails
  ProcessPlan::Inherited descriptors;  // all of them; changed in place
};

bool place_descriptors(Child& child) {
  // All sources are moved out of the range of targets first, then into place: a source may have the
  // number of a target.
  int first_free = STDERR_FILENO + 1;
  // Above every number that a descriptor is to have, so that moving one never closes another.
  for (auto& [source, target] : child.descriptors) first_free = std::max(first_free, target + 1);
  const int failure = ::fcntl(child.failure, F_DUPFD_CLOEXEC, first_free);
  if (failure < 0) return false;
  child.failure = failure;
  // The plan's own numbers are overwritten: the child is a copy of us, so this is not seen outside.
  for (auto& [source, target] : child.descriptors)
    source = ::fcntl(source, F_DUPFD_CLOEXEC, first_free);
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  // A program never reads our standard input by accident.
  if (null < 0 || ::dup2(null, STDIN_FILENO) < 0) return false;
  // dup2() of a descriptor onto itself leaves close-on-exec unchanged.
  if (null == STDIN_FILENO && ::fcntl(null, F_SETFD, 0) != 0) return false;
  for (auto& [source, target] : child.descriptors) {
    if (source < 0 || ::dup2(source, target) < 0) return false;
  }
  // Descriptors that others opened without close-on-exec are not passed on.
  return child.plan.tie != ProcessTie::kBound ||
         ::close_range(static_cast<unsigned>(first_free), ~0u, CLOSE_RANGE_CLOEXEC) == 0;
}

void tie_to_parent(const Child& child) {
  if (child.plan.tie == ProcessTie::kForeground) return;
  if (child.plan.tie == ProcessTie::kGroup) {
    ::setpgid(0, 0);
    return;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the death signal was requested.
  if (::getppid() != child.parent) ::_exit(127);
  ::setsid();
}

[[noreturn]] void become_program(Child& child) {
  // Between fork() and exec only async-signal-safe calls, as other threads may hold locks.
  tie_to_parent(child);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // An ignored SIGPIPE is inherited through exec, and most programs rely on being killed by it.
  ::signal(SIGPIPE, SIG_DFL);
  if (place_descriptors(child)) {
    const char* program = child.plan.program.c_str();
    if (child.plan.on_path)
      ::execvp(program, child.arguments);
    else
      ::execv(program, child.arguments);
  }
  const int failure = errno;
  // The pipe is close-on-exec: success is its end, failure four bytes.
  const ssize_t written = ::write(child.failure, &failure, sizeof failure);
  ::_exit(written == sizeof failure ? 127 : 126);
}

// errno of the failed exec; 0 if it succeeded, which closes the pipe.
int exec_failure(int fd) {
  int failure = 0;
  const ssize_t n = read_through_signals(fd, &failure, sizeof failure);
  return n == sizeof failure ? failure : 0;
}

}  // namespace

Result<Process> Process::start(const ProcessPlan& plan) {
  KTAPE_ASSIGN(Pipe failure, make_pipe());
  std::vector<char*> arguments = {const_cast<char*>(plan.program.c_str())};
  for (const std::string& argument : plan.arguments)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  Child child{plan, arguments.data(), ::getpid(), failure.write.get(), plan.inherited};
  if (plan.input >= 0) child.descriptors.emplace_back(plan.input, STDIN_FILENO);
  if (plan.output >= 0) child.descriptors.emplace_back(plan.output, STDOUT_FILENO);
  if (plan.errors >= 0) child.descriptors.emplace_back(plan.errors, STDERR_FILENO);
  const pid_t pid = ::fork();
  if (pid < 0) return system_error(ErrorCode::kHost, "cannot start '" + plan.program + "'");
  if (pid == 0) become_program(child);
  Process process(pid);
  // Or the read below would not see the end.
  failure.write.reset();
  // By number: glibc 2.36 declares pidfd_open() without C linkage. The child is not reaped before
  // wait(), so its number is still its own.
  process.exit_fd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.exit_fd_.valid())
    return system_error(ErrorCode::kHost, "cannot watch '" + plan.program + "'");
  if (const int error = exec_failure(failure.read.get()); error != 0)
    return system_error(ErrorCode::kHost, "cannot run '" + plan.program + "'", error);
  return process;
}

Process::~Process() {
  if (pid_ > 0) (void)kill();
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      exit_fd_(std::move(other.exit_fd_)),
      status_(other.status_) {}

Result<void> Process::wait() {
  if (status_) return {};
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) return system_error(ErrorCode::kHost, "cannot wait for a child process");
  }
  status_ = status;
  return {};
}

Result<void> Process::kill() {
  if (status_) return {};
  // The group was made before the program was executed, and has the process's number, which cannot
  // be reused until the process is waited for. A process in our group has none of its own.
  if (::kill(-pid_, SIGKILL) != 0) ::kill(pid_, SIGKILL);
  return wait();
}

}  // namespace ktape
