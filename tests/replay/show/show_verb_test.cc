// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <regex>
#include <sstream>

#include "tests/replay/programs.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

// Which records `ktape show` shows. The sample run has three freezes in one step.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

class SampleRun {
 public:
  SampleRun() : tape_(make_tape(folder_.file("run.ktape")).path) {}

  ChildResult show(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), tape_);
    return run_program("ktape-show", arguments);
  }
  std::string text(const std::vector<std::string>& arguments) const {
    const ChildResult child = show(arguments);
    CHECK(child.exit_status == 0);
    return child.output;
  }
  std::string errors(const std::string& arguments) const {
    return errors_of("ktape-show", tape_ + " " + arguments);
  }
  const std::string& tape() const { return tape_; }

 private:
  TempDir folder_;
  std::string tape_;
};

// The numbers of the records that JSON has, or that begin a line of the time line.
std::vector<std::string> numbers(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, pattern)) found.push_back(match[1]);
  }
  return found;
}

std::vector<std::string> in_json(const std::string& text) {
  return numbers(text, std::regex("^\\{\"format\":1,\"seq\":\"(\\d+)\""));
}

std::vector<std::string> in_text(const std::string& text) {
  return numbers(text, std::regex("^ *(\\d+) \\["));
}

}  // namespace

TEST_CASE("show --freeze shows what the whole time line shows of the freeze, and nothing else") {
  const SampleRun run;
  const std::string whole = run.text({});
  const std::string text = run.text({"--freeze", "2"});
  CHECK_THAT(text, ContainsSubstring("request 2, "));
  CHECK_THAT(text, ContainsSubstring("freeze 2 for request 2\n"));
  CHECK_THAT(text, ContainsSubstring("verify_dsq_vtime: "));
  CHECK_THAT(text, ContainsSubstring("12 gates passed\n"));
  CHECK_THAT(whole, ContainsSubstring(text));
}

TEST_CASE("show takes the same records as text and as JSON") {
  const SampleRun run;
  const std::vector<std::vector<std::string>> choices = {
      {"--kind", "frozen", "--kind", "thawed"},
      {"--kind", "gateChecked", "--from", "20"},
      {"--kind", "layoutUsed"},
      {"--kind", "console"},
      {"--step", "0", "--kind", "opReplied", "--to", "0.045s"},
  };
  for (std::vector<std::string> choice : choices) {
    const std::vector<std::string> text = in_text(run.text(choice));
    choice.emplace_back("--json");
    CHECK_FALSE(text.empty());
    CHECK(text == in_json(run.text(choice)));
  }
}

TEST_CASE("gates stand with their reply, or by themselves where it is not shown") {
  const SampleRun run;
  CHECK_THAT(run.text({"--kind", "gateChecked", "--kind", "opReplied"}),
             !ContainsSubstring(", entry 0: gate") && ContainsSubstring("12 gates passed\n"));
  CHECK_THAT(run.text({"--kind", "gateChecked"}),
             ContainsSubstring("request 3, entry 0: gate 4, off runqueue: failed: observed on_rq"));
}

TEST_CASE("show says that nothing matches, and JSON is empty then") {
  const SampleRun run;
  CHECK(run.text({"--kind", "machineLost"}) == "no record to show\n");
  CHECK(run.text({"--kind", "machineLost", "--json"}).empty());
}

TEST_CASE("show names the freeze, step or record that the tape has not") {
  const SampleRun run;
  CHECK(run.show({"--freeze", "9"}).exit_status == 77);
  CHECK(run.errors("--freeze 9") == "ktape show: the tape has 3 freezes, there is no freeze 9\n");
  CHECK(run.errors("--freeze 9 --json") == run.errors("--freeze 9"));
  CHECK(run.show({"--step", "x"}).exit_status == 77);
  CHECK_THAT(run.errors("--step x"),
             StartsWith("ktape show: the tape has 1 step, there is no step 'x'\nhint: "));
  CHECK(run.show({"--kind", "x"}).exit_status == 2);
  CHECK(run.show({"--from", "x"}).exit_status == 2);
  CHECK_THAT(run.errors("--step 0 --step 0"), ContainsSubstring("--step is given 2 times"));
}

TEST_CASE("some records of an altered tape are shown, and that it is altered") {
  const SampleRun run;
  damage(run.tape(), "verify_jiffies_64");
  for (const char* form : {"--freeze 1", "--freeze 1 --json"})
    CHECK_THAT(run.errors(form), ContainsSubstring("run.ktape' is altered: "));
  const ChildResult child = run.show({"--freeze", "1"});
  CHECK(child.exit_status == 3);
  CHECK_THAT(child.output, ContainsSubstring("freeze 1 for request 1\n"));
}

TEST_CASE("show sums up each series below the timeline") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  for (const uint64_t value : {5, 3, 9}) {
    builder.hot({.tag = "ticks", .target = symbol_target("jiffies_64"), .value = value});
    builder.op({{.tag = "alone" + std::to_string(value), .target = symbol_target("a")}});
  }
  const std::string tape = builder.seal().path;
  const std::string text = run_program("ktape-show", {tape}).output;
  CHECK_THAT(text, ContainsSubstring(
                       "SERIES\n  ticks: jiffies_64: 3 values from 3 to 9, median 5\n\nEND\n"));
  CHECK_THAT(SampleRun().text({}), !ContainsSubstring("SERIES\n"));
}

}  // namespace ktape::test
