// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/text_parser.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "tests/schema/scenario/scenario_texts.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("a closing bracket of the wrong kind is refused at its place") {
  CHECK(complaint("(\n  steps = [ (name = \"a\")\n)") ==
        "x:3:1: expected ',' or ']' (the '[' is on line 2), got ')'; ");
}

TEST_CASE("a bracket that is never closed is refused where it was opened") {
  CHECK(complaint("(\n  steps = [\n    (name = \"a\",\n") == "x:3:5: this '(' is never closed; ");
}

TEST_CASE("a missing comma is refused at the word that follows") {
  CHECK(complaint("(\n  name = \"a\"\n  durationMs = 5,\n)") ==
        "x:3:3: expected ',' or ')' (the '(' is on line 1), got 'durationMs'; ");
}

TEST_CASE("a missing equals sign is refused") {
  CHECK(complaint("(name \"a\")") == "x:1:7: expected '=' after 'name', got '\"'; ");
}

TEST_CASE("text after the scenario is refused") {
  CHECK_THAT(complaint("(name = \"a\")\n)"),
             ContainsSubstring("x:2:1: expected nothing after the ')'"));
}

TEST_CASE("a string that is not closed on its line is refused where it begins") {
  CHECK(complaint("(name = \"abc\n)") == "x:1:9: the string is not closed on its line; ");
}

TEST_CASE("an unknown escape is refused at the escape") {
  CHECK_THAT(complaint("(name = \"a\\q\")"),
             ContainsSubstring("x:1:12: unknown escape in a string"));
}

TEST_CASE("a field that is given twice is refused at the second") {
  CHECK(complaint("(name = \"a\",\n name = \"b\")") ==
        "x:2:2: 'name' is given twice, first on line 1; ");
}

TEST_CASE("an empty file is refused with what a scenario looks like") {
  CHECK_THAT(complaint(""), ContainsSubstring("x: the file is empty; a scenario is one struct"));
  CHECK_THAT(complaint("  # nothing but a comment\n"), ContainsSubstring("x: the file is empty"));
}

TEST_CASE("a file without its outer parentheses is refused with what a scenario looks like") {
  CHECK_THAT(complaint("name = \"a\""),
             ContainsSubstring("x:1:1: expected '(' at the beginning, got 'name'"));
}

TEST_CASE("a binary file is refused at its first byte that is not text") {
  CHECK_THAT(complaint(std::string("\x7f"
                                   "ELF\x02\x01\x00\xff",
                                   8)),
             ContainsSubstring("x:1:1: byte 0x7f is not text"));
  CHECK_THAT(complaint("(name = \"\xff\")"), ContainsSubstring("x:1:10: byte 0xff is not text"));
}

TEST_CASE("endless nesting is refused") {
  CHECK_THAT(complaint(std::string(10'000, '(')), ContainsSubstring("expected a field name"));
  std::string deep = "(";
  for (int i = 0; i < 10'000; ++i) deep += "a=(";
  CHECK_THAT(complaint(deep), ContainsSubstring("nested deeper than"));
}

}  // namespace ktape::test
