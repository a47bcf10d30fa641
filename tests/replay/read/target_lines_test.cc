// SPDX-License-Identifier: Apache-2.0
#include "replay/read/target_lines.h"

#include <catch2/catch_test_macros.hpp>
#include <sstream>

namespace ktape::test {

using Lines = std::vector<std::string>;

TEST_CASE("targets are lines without blanks at their ends, comments and empty lines") {
  std::istringstream text("  # tasks\na:u64 \r\n\n \t b\nc");
  CHECK(TargetLines(text).all().value() == Lines{"a:u64", "b", "c"});
  std::istringstream nothing;
  CHECK_FALSE(TargetLines(nothing).next().value().has_value());
}

TEST_CASE("a line that is too long ends the targets, however long it is") {
  const std::string most(TargetLines::kMaxBytes, 'a');
  std::istringstream text("x\n" + most + "\n" + most + "a");
  TargetLines lines(text);
  CHECK(lines.next().value() == "x");
  CHECK(lines.next().value() == most);
  const auto error = lines.next();
  REQUIRE_FALSE(error.ok());
  CHECK(error.error().code == ErrorCode::kUsage);
  CHECK(error.error().message == "line 3 of standard input is longer than 65536 bytes");
}

TEST_CASE("the targets that are kept for a series are bounded") {
  std::string text;
  for (size_t i = 0; i <= TargetLines::kMaxTargets; ++i) text += "a\n";
  std::istringstream input(text);
  CHECK(TargetLines(input).all().error().message == "standard input has more than 65536 targets");
}

}  // namespace ktape::test
