// SPDX-License-Identifier: Apache-2.0
#include "schema/base/usage_text.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

using namespace ktape;

namespace {

const std::vector<std::string> kOptions = {"--at", "--json", "--markdown"};

std::string said(std::string_view text) { return usage_error(text).message; }

}  // namespace

TEST_CASE("mistakes on a command line are told as got and expected") {
  CHECK(said("--jobs: Value 0 not in range 1 to 8") == "--jobs: got '0', expected 1 to 8");
  CHECK(said("--accel: foo not in {auto,kvm,tcg}") ==
        "--accel: got 'foo', expected auto, kvm or tcg");
  CHECK(said("Could not convert: --state-at = abc") == "--state-at: got 'abc', expected a number");
  CHECK(said("--at: 1 required FREEZE missing") == "--at needs a value");
  CHECK(said("--at: At Most 1 required but received 2") ==
        "--at is given 2 times, and takes one value");
  CHECK(said("--json excludes --markdown") == "--json and --markdown exclude each other");
}

TEST_CASE(
    "an option that is not there is answered with the nearest, an argument too many is named") {
  const auto unexpected = [](const std::vector<std::string>& arguments) {
    return unexpected_arguments(arguments, kOptions);
  };
  const Error option = unexpected({"--jsn"});
  CHECK(option.code == ErrorCode::kUsage);
  CHECK(option.message == "there is no option '--jsn'");
  CHECK(option.hint == "did you mean '--json'?");
  const Error argument = unexpected({"more words", "and"});
  CHECK(argument.message == "there is no use for the argument 'more words'");
  CHECK(argument.hint.empty());
  // The value of an option that is not there is not to blame, on whichever side it stands.
  CHECK(unexpected({"freeze:1", "--atx"}).message == "there is no option '--atx'");
  CHECK(unexpected({"--atx=freeze:1"}).message == "there is no option '--atx'");
}

TEST_CASE("what is not known of a mistake is told as it was said") {
  CHECK(said("TAPE is required") == "TAPE is required");
  CHECK(said("--jobs: Value \x1b[2J not in range 1 to 8") ==
        "--jobs: got '\\x1b[2J', expected 1 to 8");
}

TEST_CASE("the values of an option are told as people write them") {
  CHECK(option_values("TEXT:{auto,kvm,tcg}") == "auto|kvm|tcg");
  CHECK(option_values("UINT:UINT in [1 - 64]") == "N (1 to 64)");
  CHECK(option_values("S:FLOAT in [0.001 - 1e+06]") == "S (0.001 to 1e+06)");
  CHECK(option_values("DIR") == "DIR");
}
