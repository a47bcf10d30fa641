// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/must.h"

namespace ktape {
namespace {

using test::must;

// The deadline only keeps a broken test from hanging.
auto in_a_minute() { return std::chrono::steady_clock::now() + std::chrono::minutes(1); }

std::unique_ptr<ChildProcess> shell(const std::string& script,
                                    const ChildProcess::Inherited& inherited = {}) {
  return must(ChildProcess::start("sh", {"-c", script}, inherited));
}

std::string output_of(ChildProcess& child) {
  REQUIRE(child.wait_for_end(in_a_minute()));
  child.drain_output();
  return child.output();
}

TEST_CASE("a missing program is a host error with the cause") {
  auto child = ChildProcess::start("/no/such/program", {}, {});
  REQUIRE_FALSE(child.ok());
  CHECK(child.error().code == ErrorCode::kHost);
  CHECK(child.error().message == "cannot run '/no/such/program': No such file or directory");
}

TEST_CASE("both outputs of a child are kept") {
  auto child = shell("echo out; echo err >&2");
  CHECK(output_of(*child) == "out\nerr\n");
}

TEST_CASE("the end of long output is kept") {
  auto child = shell("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done");
  while (child->output_fd() >= 0) child->drain_output();
  CHECK(child->output().size() == ChildProcess::kMaxOutputBytes);
  CHECK(child->output().ends_with("line 2999\n"));
}

TEST_CASE("the end of a child is described in words") {
  auto exits = shell("exit 3");
  REQUIRE(exits->wait_for_end(in_a_minute()));
  CHECK(exits->how_it_ended() == "exited with status 3");
  auto dies = shell("kill -9 $$");
  REQUIRE(dies->wait_for_end(in_a_minute()));
  CHECK(dies->how_it_ended() == "was killed by signal 9 (Killed)");
}

TEST_CASE("a child that is dropped is killed and reaped") {
  pid_t pid = 0;
  {
    auto child = shell("sleep 1000");
    pid = child->pid();
    REQUIRE(::kill(pid, 0) == 0);
  }
  CHECK(::kill(pid, 0) != 0);
}

TEST_CASE("descriptors arrive under their numbers, even if those are taken crosswise") {
  int first[2];
  int second[2];
  REQUIRE(::pipe2(first, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(second, O_CLOEXEC) == 0);
  UniqueFd a_read(first[0]), a_write(first[1]), b_read(second[0]), b_write(second[1]);
  auto child = shell(
      "echo a >&" + std::to_string(b_write.get()) + "; echo b >&" + std::to_string(a_write.get()),
      {{a_write.get(), b_write.get()}, {b_write.get(), a_write.get()}});
  REQUIRE(child->wait_for_end(in_a_minute()));
  char got[2];
  REQUIRE(::read(a_read.get(), got, 2) == 2);
  CHECK(got[0] == 'a');
  REQUIRE(::read(b_read.get(), got, 2) == 2);
  CHECK(got[0] == 'b');
}

TEST_CASE("a child inherits nothing else, even if close-on-exec was forgotten") {
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  UniqueFd read_end(fds[0]), write_end(fds[1]);
  auto child = shell("ls /proc/$$/fd");
  CHECK(output_of(*child) == "0\n1\n2\n");
}

TEST_CASE("the quoted line is one with an error, otherwise the last one") {
  CHECK(error_line("a warning: error-prone\nqemu: Error: no MSR\nassertion\n") ==
        "qemu: Error: no MSR");
  CHECK(error_line("one\n  two \n\n") == "two");
  CHECK(error_line("").empty());
}

}  // namespace
}  // namespace ktape
