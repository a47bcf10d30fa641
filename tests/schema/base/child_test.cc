// SPDX-License-Identifier: Apache-2.0
#include "schema/base/child.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>

#include "schema/base/file.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace {

Result<ChildResult> shell(const std::string& script, size_t limit_bytes = 1 << 20) {
  return run_child("/bin/sh", {"-c", script}, limit_bytes);
}

}  // namespace

TEST_CASE("a child's output and exit status come back") {
  ChildResult child = must(shell("echo hello; exit 7"));
  CHECK(child.output == "hello\n");
  CHECK(child.exit_status == 7);
  CHECK(child.signal == 0);
}

TEST_CASE("the status of a killed child is its signal") {
  ChildResult child = must(shell("kill -SEGV $$"));
  CHECK(child.signal == SIGSEGV);
  CHECK(child.exit_status == -1);
}

TEST_CASE("a child reads nothing from our standard input") {
  CHECK(must(shell("cat")).output.empty());
}

TEST_CASE("output beyond the limit ends the child and is an error") {
  auto child = shell("while :; do echo more; done", 10'000);
  REQUIRE_FALSE(child.ok());
  CHECK(child.error().message == "'/bin/sh' prints more than 10000 bytes");
}

TEST_CASE("a missing program is an error with its name") {
  auto child = run_child("/nonexistent/program", {}, 1);
  REQUIRE_FALSE(child.ok());
  CHECK(child.error().message == "cannot run '/nonexistent/program': No such file or directory");
}

TEST_CASE("a child that does not end in time is stopped, and its output is kept") {
  ChildOptions options{.output_bytes = 1 << 20, .time = std::chrono::milliseconds(3000)};
  ChildResult child = must(run_child("/bin/sh", {"-c", "echo first; sleep 1000"}, options));
  CHECK(child.stopped == "did not end within 3000 ms");
  CHECK(child.output == "first\n");
}

TEST_CASE("the whole process group is stopped, so that nothing keeps writing") {
  TempDir folder;
  std::string lock = folder.file("lock");
  ChildOptions options{.output_bytes = 1 << 20, .time = std::chrono::milliseconds(3000)};
  ChildResult child = must(run_child(
      "/bin/sh", {"-c", "flock '" + lock + "' sh -c 'echo held; sleep 1000' & wait"}, options));
  REQUIRE_FALSE(child.stopped.empty());
  CHECK(child.output == "held\n");
  // Waits until no process holds it any more.
  UniqueFd file(::open(lock.c_str(), O_RDWR | O_CLOEXEC));
  CHECK(::flock(file.get(), LOCK_EX) == 0);
}

TEST_CASE("the output of a program that leaves another one running is complete") {
  ChildOptions options{.output_bytes = 1 << 20, .time = std::chrono::seconds(600)};
  ChildResult child = must(run_child("/bin/sh", {"-c", "sleep 1000 & echo done; exit 3"}, options));
  CHECK(child.stopped.empty());
  CHECK(child.exit_status == 3);
  CHECK(child.output == "done\n");
}

TEST_CASE("a child that closes its output and keeps running is stopped as well") {
  ChildOptions options{.output_bytes = 1 << 20, .time = std::chrono::milliseconds(50)};
  CHECK(must(run_child("/bin/sh", {"-c", "exec >&- 2>&-; sleep 1000"}, options)).stopped ==
        "did not end within 50 ms");
}

TEST_CASE("standard error is kept up to its limit, and output up to its own") {
  ChildOptions options{.output_bytes = 5, .error_bytes = 4};
  ChildResult child =
      must(run_child("/bin/sh", {"-c", "echo errors >&2; echo hi; exit 1"}, options));
  CHECK(child.errors == "erro");
  CHECK(child.output == "hi\n");
  CHECK(child.exit_status == 1);
  ChildResult more = must(run_child("/bin/sh", {"-c", "echo much more"}, options));
  CHECK(more.stopped == "printed more than 5 bytes");
  CHECK(more.output == "much ");
}

TEST_CASE("an interruption stops the child") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  REQUIRE(::write(ends[1], "x", 1) == 1);
  ChildOptions options{.output_bytes = 5, .interrupt_fd = ends[0]};
  CHECK(must(run_child("/bin/sh", {"-c", "sleep 1000"}, options)).stopped == "interrupted");
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace ktape::test
