// SPDX-License-Identifier: Apache-2.0
#include "replay/check/ktap.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/must.h"

namespace ktape::test {

TEST_CASE("results of the top level are counted, those of subtests are not") {
  KtapResults results = must(read_ktap(
      "KTAP version 1\n1..3\n  KTAP version 1\n  1..1\n  not ok 1 inner\nok 1 a\nnot ok 2 "
      "b\nok 3 c # SKIP no\n"));
  CHECK(results.passed == 1);
  CHECK(results.failed == 1);
  CHECK(results.skipped == 1);
  CHECK(results.skip_reason == "no");
}

TEST_CASE("the plan may come last, and TAP is accepted as well") {
  CHECK(must(read_ktap("TAP version 13\nok 1 a\n1..1\n")).passed == 1);
}

TEST_CASE("output that is not KTAP is refused") {
  for (const char* text : {"", "hello\n", "ok 1 a\n1..1\n"}) {
    auto results = read_ktap(text);
    REQUIRE_FALSE(results.ok());
    CHECK(results.error().message ==
          "the output is not KTAP: it does not begin with 'KTAP version 1'");
  }
}

TEST_CASE("KTAP without a plan, with other results than planned, or with none is refused") {
  CHECK(read_ktap("KTAP version 1\nok 1 a\n").error().message == "the KTAP has no plan");
  CHECK(read_ktap("KTAP version 1\n1..2\nok 1 a\n").error().message ==
        "planned 2 results and printed 1");
  CHECK(read_ktap("KTAP version 1\n1..0\n").error().message == "printed no result");
}

TEST_CASE("a program that bails out has no result") {
  CHECK(read_ktap("KTAP version 1\n1..1\nok 1 a\nBail out! disk full\n").error().message ==
        "bailed out:  disk full");
}

TEST_CASE("a subtest is indented and named") {
  CHECK(as_subtest("a", "KTAP version 1\n1..1\nok 1 a\n") ==
        "  KTAP version 1\n  # Subtest: a\n  1..1\n  ok 1 a\n");
}

TEST_CASE("output that is not KTAP becomes escaped diagnostics") {
  CHECK(as_subtest("a", "ok 1 forged\n\x1b[2J\n") == "  # ok 1 forged\n  # \\x1b[2J\n");
}

TEST_CASE("a line of KTAP with control characters is escaped, any other is unchanged") {
  CHECK(as_subtest("a", "KTAP version 1\n1..1\n# a \\x1b and caf\xc3\xa9\n# \x1b[2J\nok 1 a\n") ==
        "  KTAP version 1\n  # Subtest: a\n  1..1\n  # a \\x1b and caf\xc3\xa9\n  # \\x1b[2J\n  ok "
        "1 a\n");
}

TEST_CASE("standard error is printed under the subtest") {
  CHECK(as_subtest("a", "", "no such table\n") == "  # stderr: no such table\n");
}

TEST_CASE("a name has nothing that ends it in a result line, or is cut off") {
  CHECK(ktap_name("value --tag a") == "value --tag a");
  CHECK(ktap_name(" a #b {") == "\\x20a \\x23b \\x7b");
  CHECK(ktap_name("- a") == "\\x2d a");
  CHECK(ktap_name("a\nok 2 b ") == "a\\nok 2 b\\x20");
}

TEST_CASE("as diagnostics an assertion's results do not count") {
  CHECK(as_diagnostics(as_subtest("a", "KTAP version 1\n1..1\n# seq 3: x\nok 1 a\n")) ==
        "# seq 3: x\n");
  CHECK(as_diagnostics(as_subtest("a",
                                  "KTAP version 1\n1..2\n  KTAP version 1\n  # Subtest: b\n  "
                                  "1..1\n  ok 1 c\nok 1 b\nnot ok 2 d\n")) ==
        "#   KTAP version 1\n#   # Subtest: b\n#   1..1\n#   ok 1 c\n# ok 1 b\n# not ok 2 d\n");
  CHECK(as_diagnostics(as_subtest("a", "1..1\nBail out!\n", "no\n")) ==
        "# 1..1\n# Bail out!\n# stderr: no\n");
  CHECK(as_diagnostics(as_subtest("a", "KTAP version 1\n1..1\n# Subtest: b\nok 1 a\n")).empty());
}

}  // namespace ktape::test
