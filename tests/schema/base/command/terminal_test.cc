// SPDX-License-Identifier: Apache-2.0
#include "schema/base/command/terminal.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "schema/base/command/pager.h"

namespace ktape::test {

namespace {

// An environment variable with this value, until it goes away.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

// What --color WHEN makes of a text, on no terminal.
std::string painted(const char* when) {
  Program program("ktape x", "", "");
  const ColorOption color(program);
  const char* words[] = {"ktape x", "--color", when};
  REQUIRE(program.parse(3, words).ok());
  return color.colors().paint(Paint::kGood, "a");
}

}  // namespace

TEST_CASE("each line is coloured by itself, and empty lines and plain text are not") {
  const Colors colors(true);
  CHECK(colors.paint(Paint::kGood, "a\n\nb\n") == "\033[32ma\033[0m\n\n\033[32mb\033[0m\n");
  CHECK(colors.paint(Paint::kPlain, "a") == "a");
  CHECK(Colors().paint(Paint::kBad, "a\nb") == "a\nb");
}

TEST_CASE("option --color always colours where NO_COLOR is set, and auto does not colour a pipe") {
  const Variable no_color("NO_COLOR", "1");
  CHECK(painted("always") == "\033[32ma\033[0m");
  CHECK(painted("never") == "a");
  ::unsetenv("NO_COLOR");
  CHECK(painted("auto") == "a");
}

TEST_CASE("option --color takes three words") {
  Program program("ktape x", "", "");
  const ColorOption color(program);
  const char* words[] = {"ktape x", "--color", "yes"};
  CHECK(program.parse(3, words).error().message ==
        "--color: got 'yes', expected auto, always or never");
}

TEST_CASE("COLUMNS is the width, if it is a number, but at least 60") {
  {
    const Variable columns("COLUMNS", "132");
    CHECK(terminal_columns() == 132);
  }
  const Variable columns("COLUMNS", "7");
  CHECK(terminal_columns() == 60);
}

TEST_CASE("the pager is KTAPE_PAGER, else PAGER, else less; cat and an empty one are none") {
  ::unsetenv("KTAPE_PAGER");
  ::unsetenv("PAGER");
  CHECK(pager_command() == "less");
  const Variable pager("PAGER", "more");
  CHECK(pager_command() == "more");
  {
    const Variable own("KTAPE_PAGER", "less -S");
    CHECK(pager_command() == "less -S");
  }
  {
    const Variable own("KTAPE_PAGER", "cat");
    CHECK(pager_command().empty());
  }
  const Variable own("KTAPE_PAGER", "");
  CHECK(pager_command().empty());
}

}  // namespace ktape::test
