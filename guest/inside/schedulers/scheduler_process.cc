// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/schedulers/scheduler_process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "guest/inside/base/leave_agent.h"
#include "schema/base/pipe.h"
#include "schema/terms/guest_paths.h"

namespace ktape {

namespace {

// Descriptors of the child.
constexpr int kFailureFd =
    kFirstKeptFd;  // reports to the agent why exec failed; closes if it succeeded
constexpr int kOutputFd = kFirstKeptFd + 1;
constexpr int kPipeBytes = 1 << 20;
constexpr size_t kPipeReadBytes = size_t{64} << 10;

[[noreturn]] void fail_child() {
  const int error = errno;
  [[maybe_unused]] ssize_t n = ::write(kFailureFd, &error, sizeof error);
  ::_exit(127);
}

// The agent is SCHED_FIFO: the program is not.
[[noreturn]] void run_child(const char* path, char* const arguments[], int output, int failure) {
  std::array<int, 2> kept = {failure, output};
  leave_agent(kept);
  // Set after leave_agent(), which made the descriptor anew. Exec closes it: the agent then reads
  // its end, which is success.
  if (::fcntl(kFailureFd, F_SETFD, FD_CLOEXEC) != 0) ::_exit(127);
  const int nothing = ::open("/dev/null", O_RDONLY);
  // Without a stdin some programs misbehave: the first file they open would become descriptor 0.
  ::dup2(nothing, STDIN_FILENO);
  if (nothing != STDIN_FILENO) ::close(nothing);
  ::dup2(kOutputFd, STDOUT_FILENO);
  ::dup2(kOutputFd, STDERR_FILENO);
  ::close(kOutputFd);
  // Its own group, so that a signal reaches its children as well, and before exec, so that signal()
  // can rely on it.
  ::setpgid(0, 0);
  const sched_param normal{};
  if (::sched_setscheduler(0, SCHED_OTHER, &normal) != 0 || ::chdir("/") != 0) fail_child();
  std::array<const char*, 4> environment = {kGuestPathVariable, "HOME=/", "TERM=dumb", nullptr};
  ::execve(path, arguments, const_cast<char**>(environment.data()));
  fail_child();
}

}  // namespace

Result<std::unique_ptr<SchedulerProcess>> SchedulerProcess::start(
    const std::string& path, const std::vector<std::string>& arguments) {
  KTAPE_ASSIGN(Pipe output, make_pipe());
  KTAPE_ASSIGN(Pipe failure, make_pipe());
  // Room for the program's output while the agent waits for something else; less also works.
  ::fcntl(output.read.get(), F_SETPIPE_SZ, kPipeBytes);
  ::fcntl(output.read.get(), F_SETFL, O_NONBLOCK);
  std::vector<char*> words = {const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return system_error(ErrorCode::kHost, "cannot fork the scheduler's program");
  if (pid == 0) run_child(path.c_str(), words.data(), output.write.get(), failure.write.get());
  // Ours must be closed, or the read below would wait for ourselves.
  failure.write.reset();
  int error = 0;
  if (read_through_signals(failure.read.get(), &error, sizeof error) != 0) {
    return system_error(ErrorCode::kHost, "cannot run the scheduler's program '" + path + "'",
                        error);
  }
  return std::unique_ptr<SchedulerProcess>(new SchedulerProcess(pid, std::move(output.read)));
}

SchedulerProcess::~SchedulerProcess() {
  // The agent reaps it, as it does every child.
  if (!has_ended()) signal(SIGKILL);
}

std::string SchedulerProcess::read_output() {
  std::string text(kPipeReadBytes, '\0');
  const ssize_t n = output_.valid() ? ::read(output_.get(), text.data(), text.size()) : 0;
  // EAGAIN: nothing now. Anything else, and the end, close it for poll().
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) output_.reset();
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return text;
}

// The group exists: it was made before the program was executed. If it is gone, there is nothing to
// do.
void SchedulerProcess::signal(int number) const { ::kill(-pid_, number); }

bool SchedulerProcess::was_killed() const { return wait_status_ && WIFSIGNALED(*wait_status_); }

int SchedulerProcess::status() const {
  if (!wait_status_) return 0;
  return was_killed() ? WTERMSIG(*wait_status_) : WEXITSTATUS(*wait_status_);
}

std::string SchedulerProcess::how_it_ended() const {
  if (!has_ended()) return "still runs";
  return (was_killed() ? "was killed by signal " : "exited with status ") +
         std::to_string(status());
}

}  // namespace ktape
