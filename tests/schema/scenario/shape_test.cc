// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/shape.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/schema/scenario/scenario_texts.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

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

TEST_CASE("two members of a union are refused at the second") {
  CHECK(complaint("(steps = [(actions = [(hold = void, panic = void)])])") ==
        "x:1:37: 'hold' and 'panic' exclude each other; ");
}

}  // namespace ktape::test
