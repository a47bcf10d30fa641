// SPDX-License-Identifier: Apache-2.0
#include "schema/base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "schema/base/pipe.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace {

// What a shell prints until nobody can print any more.
std::string output_of(const std::string& script, ProcessTie tie, int* status = nullptr) {
  Pipe output = must(make_pipe());
  Process process = must(Process::start({.program = "/bin/sh",
                                         .arguments = {"-c", script},
                                         .tie = tie,
                                         .output = output.write.get()}));
  output.write.reset();
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read_through_signals(output.read.get(), buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  must(process.wait());
  if (status != nullptr) *status = process.status().value();
  return text;
}

// A script without its first line: a shell runs it, the kernel does not.
std::string without_interpreter(const TempDir& folder) {
  std::string path = folder.file("script");
  std::ofstream(path) << "exit 3\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

}  // namespace

TEST_CASE("a pipe's ends are close-on-exec") {
  Pipe pipe = must(make_pipe());
  CHECK(::fcntl(pipe.read.get(), F_GETFD) == FD_CLOEXEC);
  CHECK(::fcntl(pipe.write.get(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("a program that cannot be run is a host error with the cause") {
  for (ProcessTie tie : {ProcessTie::kGroup, ProcessTie::kBound}) {
    auto process = Process::start({.program = "/no/such/program", .tie = tie});
    REQUIRE_FALSE(process.ok());
    CHECK(process.error().code == ErrorCode::kHost);
    CHECK(process.error().message == "cannot run '/no/such/program': No such file or directory");
  }
}

TEST_CASE("a path is not run by a shell, what is looked for on the PATH is, as execvp() does") {
  TempDir folder;
  const std::string path = without_interpreter(folder);
  auto process = Process::start({.program = path});
  REQUIRE_FALSE(process.ok());
  CHECK(process.error().message == "cannot run '" + path + "': Exec format error");
  Process by_shell = must(Process::start({.program = path, .on_path = true}));
  must(by_shell.wait());
  CHECK(WEXITSTATUS(*by_shell.status()) == 3);
}

TEST_CASE("nothing comes from standard input") {
  CHECK(output_of("cat; echo end", ProcessTie::kGroup) == "end\n");
  CHECK(output_of("cat; echo end", ProcessTie::kBound) == "end\n");
}

TEST_CASE("a forgotten descriptor is handed on within a group, and not to a bound process") {
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  UniqueFd read_end(fds[0]), write_end(fds[1]);
  const std::string look = "test -e /proc/$$/fd/" + std::to_string(fds[1]) + " && echo there";
  CHECK(output_of(look, ProcessTie::kGroup) == "there\n");
  CHECK(output_of(look, ProcessTie::kBound).empty());
}

TEST_CASE("a process has a group of its own, and a bound one a session") {
  const std::string ids = "echo $(cut -d' ' -f1,5,6 /proc/$$/stat)";
  const std::string group = output_of(ids, ProcessTie::kGroup);
  const std::string pid = group.substr(0, group.find(' '));
  CHECK(group == pid + " " + pid + " " + std::to_string(::getsid(0)) + "\n");
  const std::string session = output_of(ids, ProcessTie::kBound);
  const std::string leader = session.substr(0, session.find(' '));
  CHECK(session == leader + " " + leader + " " + leader + "\n");
}

TEST_CASE("no signal is blocked or ignored in a process, whatever is here") {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  auto old = ::signal(SIGPIPE, SIG_IGN);
  const std::string look = "grep -E 'Sig(Blk|Ign)' /proc/self/status";
  const std::string seen = output_of(look, ProcessTie::kGroup);
  const std::string seen_bound = output_of(look, ProcessTie::kBound);
  ::signal(SIGPIPE, old);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK(seen == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  CHECK(seen_bound == seen);
}

TEST_CASE("killing a process kills its group") {
  for (ProcessTie tie : {ProcessTie::kGroup, ProcessTie::kBound}) {
    Pipe output = must(make_pipe());
    Process process = must(Process::start({.program = "/bin/sh",
                                           .arguments = {"-c", "sleep 1000 & echo up; wait"},
                                           .tie = tie,
                                           .output = output.write.get()}));
    output.write.reset();
    char text[16];
    REQUIRE(read_through_signals(output.read.get(), text, sizeof text) == 3);
    must(process.kill());
    CHECK(WTERMSIG(*process.status()) == SIGKILL);
    // Nobody is left who could write.
    CHECK(read_through_signals(output.read.get(), text, sizeof text) == 0);
  }
}

TEST_CASE("a process that was moved from is not killed") {
  std::vector<Process> kept;
  {
    Process process = must(Process::start({.program = "/bin/sleep", .arguments = {"1000"}}));
    kept.push_back(std::move(process));
  }
  CHECK(::kill(kept.front().pid(), 0) == 0);
}

TEST_CASE("descriptors are placed also where our own standard input and output are closed") {
  // In a process of its own, which can close them.
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(0);
    ::close(1);
    int status = -1;
    const bool right = output_of("cat; echo here", ProcessTie::kGroup, &status) == "here\n";
    ::_exit(right && status == 0 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("a foreground process is in our group and reads what it is given") {
  Pipe input = must(make_pipe());
  Pipe output = must(make_pipe());
  Process process = must(Process::start({.program = "sh",
                                         .arguments = {"-c", "read x; echo $x; ps -o pgid= $$"},
                                         .tie = ProcessTie::kForeground,
                                         .on_path = true,
                                         .input = input.read.get(),
                                         .output = output.write.get()}));
  REQUIRE(::write(input.write.get(), "given\n", 6) == 6);
  output.write.reset();
  must(process.wait());
  char text[64] = {};
  REQUIRE(read_through_signals(output.read.get(), text, sizeof text - 1) > 0);
  CHECK(std::string(text).starts_with("given\n"));
  CHECK(::getpgid(0) == std::atoi(text + 6));
}

TEST_CASE("a foreground process is killed with what holds it") {
  const Process process = must(Process::start(
      {.program = "/bin/sleep", .arguments = {"1000"}, .tie = ProcessTie::kForeground}));
  CHECK(process.pid() > 0);
}

}  // namespace ktape::test
