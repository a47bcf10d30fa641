// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/expected_failures.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "schema/base/text.h"
#include "schema/scenario/load.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace {

std::string expecting(const std::string& list) {
  return fmt::format(
      "(\nname = \"t\",\nsteps = [(name = \"s\", actions = [(sleepMs = 1)])],\nexpect = [{}])",
      list);
}

// Message and hint of the error.
std::string expectation_error(const std::string& list) {
  const auto loaded = parse_scenario("x", expecting(list));
  if (loaded.ok()) return "no error";
  CHECK(loaded.error().code == ErrorCode::kUsage);
  return loaded.error().message + "; " + loaded.error().hint;
}

}  // namespace

TEST_CASE("a scenario may expect failures of assertions, with a text or with any") {
  const auto loaded = must(parse_scenario(
      "x", expecting("(assertion = \"no-scheduler-error\", match = \"failed to run for\"),\n"
                     "(assertion = \"run-completed\")")));
  const auto expect = loaded.get().getExpect();
  REQUIRE(expect.size() == 2);
  CHECK(chars(expect[0].getAssertion()) == "no-scheduler-error");
  CHECK(chars(expect[0].getMatch()) == "failed to run for");
  CHECK(expect[1].getMatch().size() == 0);
}

TEST_CASE("an expected failure of an assertion that does not exist is refused with the nearest") {
  CHECK(expectation_error("(assertion = \"no-schedular-error\")") ==
        "x:4:24: there is no assertion 'no-schedular-error'; did you mean 'no-scheduler-error'?");
  CHECK(
      expectation_error("(match = \"x\")") ==
      "x:4:11: 'assertion' is missing: name the assertion that fails; list them with 'ktape check "
      "--list'");
  CHECK(expectation_error("(assertion = \"../zzz\")") ==
        "x:4:24: there is no assertion '../zzz'; put the program ktape-assert-NAME of your own "
        "assertion on PATH");
}

TEST_CASE("an expected failure may be that of your own assertion on PATH") {
  const TempDir folder;
  const std::string program = folder.file("ktape-assert-zzz");
  std::ofstream(program) << "#!/bin/sh\n";
  const std::string before = ::getenv("PATH");
  ::setenv("PATH", (folder.path() + ":" + before).c_str(), 1);
  CHECK(expectation_error("(assertion = \"zzz\")")
            .starts_with("x:4:24: there is no assertion 'zzz'"));
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  CHECK(expectation_error("(assertion = \"zzz\")") == "no error");
  ::setenv("PATH", before.c_str(), 1);
}

TEST_CASE("a text that no failure has, or that is too long, is refused") {
  CHECK(expectation_error("(assertion = \"value\", match = \"a\\nb\")") ==
        "x:4:41: no failure has the text 'a\\nb'; a failure's text is one line without control "
        "characters");
  const std::string longest(kMaxExpectedBytes, 'a');
  CHECK(expectation_error(fmt::format("(assertion = \"value\", match = \"{}\")", longest)) ==
        "no error");
  CHECK(expectation_error(fmt::format("(assertion = \"value\", match = \"{}a\")", longest)) ==
        "x:4:41: 'match' has 257 bytes; the limit is 256; a part of the failure's text is enough");
}

TEST_CASE("too many expected failures are refused") {
  std::string list;
  for (size_t i = 0; i < kMaxExpectedFailures; ++i) list += "(assertion = \"value\"),";
  CHECK(expectation_error(list) == "no error");
  CHECK(expectation_error(list + "(assertion = \"value\")") ==
        "x:4:10: 'expect' lists 65 failures; the limit is 64; ");
}

TEST_CASE("the assertions that a scenario may name are those that ship") {
  const std::string built = KTAPE_ASSERTIONS;  // "ktape-assert-a ktape-assert-b ..."
  std::string known;
  for (const std::string& name : shipped_assertions())
    known += (known.empty() ? "ktape-assert-" : " ktape-assert-") + name;
  CHECK(known == built);
}

}  // namespace ktape::test
