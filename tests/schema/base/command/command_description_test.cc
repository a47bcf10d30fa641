// SPDX-License-Identifier: Apache-2.0
#include "schema/base/command/command_description.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/base/command/command_line.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

std::string described(Program& program) {
  const char* const words[] = {"x", kDescribeCommand.data()};
  return program.parse(2, words).value();
}

}  // namespace

TEST_CASE("a command line describes its positionals, options and commands") {
  Program program("ktape it", "Does \"it\".", "Exit status: 0 done");
  std::string text;
  std::vector<std::string> texts;
  bool flag = false;
  program.add("TAPE", text, "a tape").required();
  const Option json = program.add_flag("--json", flag, "for programs");
  program.add("-o,--output", texts, "where to")
      .value_name("OUT")
      .suggests({"a", "b"})
      .excludes(json);
  program.add("--accel", text, "").one_of({"auto", "kvm"}).shows_default("auto");
  program.add_verb("inspect", "Looks.", "");

  const std::string json_line = described(program);
  CHECK_THAT(json_line,
             ContainsSubstring(R"({"name":"ktape it","description":"Does \"it\".\u000a",)"
                               R"("footer":"Exit status: 0 done",)"));
  CHECK_THAT(json_line, ContainsSubstring(R"("positionals":[{"names":["TAPE"],)"));
  CHECK_THAT(json_line, ContainsSubstring(R"("flag":false,"required":true,"several":false}])"));
  CHECK_THAT(json_line,
             ContainsSubstring(R"({"names":["--json"],"description":"for programs",)"
                               R"("value":"","words":[],"default":"","excludes":["--output"],)"
                               R"("flag":true,)"));
  CHECK_THAT(json_line, ContainsSubstring(R"({"names":["-o","--output"],)"));
  CHECK_THAT(json_line, ContainsSubstring(
                            R"("value":"OUT","words":["a","b"],"default":"","excludes":["--json"],)"
                            R"("flag":false,"required":false,"several":true})"));
  CHECK_THAT(json_line, ContainsSubstring(R"("value":"auto|kvm","words":[],"default":"auto",)"));
  CHECK_THAT(json_line, ContainsSubstring(R"("commands":[{"name":"inspect",)"));
}

TEST_CASE("control characters of a help text are escaped") {
  Program program("x", "a\tb\x01", "");
  CHECK_THAT(described(program), ContainsSubstring(R"("a\u0009b\u0001\u000a")"));
}

}  // namespace ktape::test
