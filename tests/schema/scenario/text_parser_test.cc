// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "schema/scenario/load.h"

using Catch::Matchers::ContainsSubstring;

namespace ktape {

namespace {

// The error for scenario text "x" that must not load: message, then "; " and the hint.
std::string complaint(std::string text) {
  auto scenario = parse_scenario("x", std::move(text));
  if (scenario.ok()) return "no error";
  CHECK(scenario.error().code == ErrorCode::kUsage);
  return scenario.error().message + "; " + scenario.error().hint;
}

}  // namespace

TEST_CASE("an unknown field is named with its place and the nearest field") {
  CHECK(complaint("(\n  name = \"a\",\n  stepz = [],\n)") ==
        "x:3:3: unknown field 'stepz' in a Scenario; did you mean 'steps'?");
}

TEST_CASE("an unknown field far from any name is answered with all names") {
  CHECK_THAT(complaint("(machine = (colour = 5))"),
             ContainsSubstring("x:1:13: unknown field 'colour' in a MachineSpec") &&
                 ContainsSubstring("use one of: cpus, memoryMb"));
}

TEST_CASE("an unknown enumerant is named with its place and the nearest one") {
  CHECK(complaint("(workers = [\n  (name = \"a\", policy = nromal),\n])") ==
        "x:2:25: 'nromal' is not a value of 'policy'; did you mean 'normal'?");
}

TEST_CASE("a number in place of an enumerant is answered with the names") {
  CHECK(complaint("(workers = [(policy = 3)])") ==
        "x:1:23: 'policy' is '3', expected one of normal, batch, idle, fifo, rr, ext; ");
}

TEST_CASE("a misspelt void or bool is answered with the valid words") {
  CHECK_THAT(complaint("(steps = [(actions = [(hold = viod)])])"),
             ContainsSubstring("'viod' is not a value of 'hold'; did you mean 'void'?"));
  CHECK_THAT(complaint("(workers = [(loop = yes)])"), ContainsSubstring("use one of: true, false"));
}

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

TEST_CASE("a value of the wrong type is named with what was expected") {
  CHECK(complaint("(name = 5)") == "x:1:9: 'name' is '5', expected text in double quotes; ");
  CHECK(complaint("(durationMs = \"5\")") ==
        "x:1:15: 'durationMs' is a string, expected a whole number; ");
  CHECK(complaint("(workers = (name = \"a\"))") ==
        "x:1:12: 'workers' is a struct in parentheses, expected a list in brackets; ");
  CHECK(complaint("(machine = [])") ==
        "x:1:12: 'machine' is a list, expected a struct in parentheses; ");
}

TEST_CASE("a number outside its field's range is named with the range") {
  CHECK(complaint("(durationMs = 4294967296)") ==
        "x:1:15: 'durationMs' is '4294967296', expected a whole number from 0 to 4294967295; ");
  CHECK_THAT(complaint("(durationMs = -1)"), ContainsSubstring("from 0 to 4294967295"));
  CHECK_THAT(complaint("(durationMs = 1.5)"), ContainsSubstring("'durationMs' is '1.5'"));
}

TEST_CASE("a field that is given twice is refused at the second") {
  CHECK(complaint("(name = \"a\",\n name = \"b\")") ==
        "x:2:2: 'name' is given twice, first on line 1; ");
}

TEST_CASE("two members of a union are refused at the second") {
  CHECK(complaint("(steps = [(actions = [(hold = void, panic = void)])])") ==
        "x:1:37: 'hold' and 'panic' exclude each other; ");
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

TEST_CASE("what only the decoder refuses is reported with its place too") {
  std::string write = "steps = [(actions = [(op = (entry = (write = (bytes = 0x\"\"))))])])";
  CHECK(complaint("(" + write) == "x:1:59: cannot be decoded: Parse error.; ");
  CHECK(complaint("(\n" + write) == "x:2:58: cannot be decoded: Parse error.; ");
}

TEST_CASE("a sign right after '=', which the text format cannot parse, has a remedy") {
  CHECK_THAT(complaint("(retryMs =-2)"),
             ContainsSubstring("cannot be decoded: ") &&
                 ContainsSubstring("; write a space before the sign of a negative number"));
}

TEST_CASE("endless nesting is refused") {
  CHECK_THAT(complaint(std::string(10'000, '(')), ContainsSubstring("expected a field name"));
  std::string deep = "(";
  for (int i = 0; i < 10'000; ++i) deep += "a=(";
  CHECK_THAT(complaint(deep), ContainsSubstring("nested deeper than"));
}

TEST_CASE("a missing scenario file is a usage error") {
  auto scenario = load_scenario("/nonexistent/x.scenario");
  REQUIRE_FALSE(scenario.ok());
  CHECK(scenario.error().code == ErrorCode::kUsage);
  CHECK_THAT(scenario.error().message,
             ContainsSubstring("'/nonexistent/x.scenario': No such file or directory"));
}

}  // namespace ktape
