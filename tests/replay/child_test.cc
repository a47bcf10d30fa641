// SPDX-License-Identifier: Apache-2.0
#include "replay/child.h"

#include <catch2/catch_test_macros.hpp>
#include <csignal>

#include "tests/support/must.h"

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

TEST_CASE("a child that was killed tells the signal") {
  ChildResult child = must(shell("kill -SEGV $$"));
  CHECK(child.signal == SIGSEGV);
  CHECK(child.exit_status == -1);
}

TEST_CASE("a child reads nothing from our standard input") { CHECK(must(shell("cat")).output.empty()); }

TEST_CASE("output beyond the limit ends the child and is an error") {
  auto child = shell("while :; do echo more; done", 10'000);
  REQUIRE_FALSE(child.ok());
  CHECK(child.error().message == "'/bin/sh' prints more than 10000 bytes");
}

TEST_CASE("a program that is not there is an error with its name") {
  auto child = run_child("/nonexistent/program", {}, 1);
  REQUIRE_FALSE(child.ok());
  CHECK(child.error().message == "cannot run '/nonexistent/program': No such file or directory");
}

}  // namespace ktape::test
