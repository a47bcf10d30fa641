// SPDX-License-Identifier: Apache-2.0
#include "replay/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "schema/base/file.h"

extern "C" char** environ;

namespace ktape {

namespace {

// A started child: ended and waited for at the latest when this goes away.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    (void)wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Result<int> wait() {
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

class SpawnActions {
 public:
  SpawnActions() { KTAPE_CHECK(::posix_spawn_file_actions_init(&actions_) == 0); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

Result<pid_t> spawn(const std::string& program, const std::vector<std::string>& arguments, int output) {
  SpawnActions actions;
  int error = ::posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0);
  if (error == 0) error = ::posix_spawn_file_actions_adddup2(actions.get(), output, 1);
  std::vector<char*> argv;
  argv.push_back(const_cast<char*>(program.c_str()));
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = -1;
  if (error == 0) error = ::posix_spawn(&pid, program.c_str(), actions.get(), nullptr, argv.data(), environ);
  if (error != 0) return system_error(ErrorCode::kHost, "cannot run '" + program + "'", error);
  return pid;
}

Result<std::string> read_all(int fd, const std::string& program, size_t limit_bytes) {
  std::string text;
  char buffer[4096];
  for (;;) {
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(ErrorCode::kHost, "cannot read what '" + program + "' prints");
    if (n == 0) return text;
    text.append(buffer, static_cast<size_t>(n));
    if (text.size() > limit_bytes) {
      return Error{ErrorCode::kBadInput,
                   "'" + program + "' prints more than " + std::to_string(limit_bytes) + " bytes", ""};
    }
  }
}

}  // namespace

Result<ChildResult> run_child(const std::string& program, const std::vector<std::string>& arguments,
                              size_t limit_bytes) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(ErrorCode::kHost, "cannot make a pipe");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  KTAPE_ASSIGN(pid_t pid, spawn(program, arguments, write_end.get()));
  Child child(pid);
  write_end.reset();
  ChildResult result;
  KTAPE_ASSIGN(result.output, read_all(read_end.get(), program, limit_bytes));
  KTAPE_ASSIGN(int status, child.wait());
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

}  // namespace ktape
