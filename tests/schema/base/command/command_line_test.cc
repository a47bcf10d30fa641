// SPDX-License-Identifier: Apache-2.0
#include "schema/base/command/command_line.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace ktape::test {

namespace {

// What is said of the words; empty where they are right.
Error mistake_of(Program& program, const std::vector<std::string>& words) {
  std::vector<const char*> arguments = {"ktape x"};
  for (const std::string& word : words) arguments.push_back(word.c_str());
  const auto text = program.parse(static_cast<int>(arguments.size()), arguments.data());
  return text.ok() ? Error{} : text.error();
}

// A command line with an option of each kind.
class Line {
 public:
  Line() : program_("ktape x", "what it does", "") {
    program_.add("TAPE", tape_, "").required();
    program_.add("MORE", more_, "one that may be there");
    program_.add("--at", at_, "").value_name("FREEZE");
    program_.add("--accel", accel_, "").one_of({"auto", "kvm", "tcg"});
    program_.add("-j,--jobs", jobs_, "").range(1, 8);
    program_.add("--timeout", timeout_, "").range(0.001, 1e6, "S");
    program_.add("--state-at", state_at_, "");
    program_.add("--freeze", freeze_, "");
    program_.add("--with", with_, "").value_name("NAME").repeated();
    const Option json = program_.add_flag("--json", json_, "");
    program_.add_flag("--markdown", markdown_, "").excludes(json);
  }

  Error mistake(const std::vector<std::string>& words) { return mistake_of(program_, words); }
  std::string help() const { return program_.help(); }

 private:
  Program program_;
  std::string tape_, more_, at_, accel_;
  int32_t jobs_ = 1;
  double timeout_ = 1;
  uint32_t state_at_ = 0;
  std::optional<uint64_t> freeze_;
  std::vector<std::string> with_;
  bool json_ = false, markdown_ = false;
};

std::string said(const std::vector<std::string>& words) { return Line().mistake(words).message; }

}  // namespace

TEST_CASE("a command line that is right has no mistake") {
  CHECK(said({"run", "--jobs", "8", "--accel", "kvm", "--json", "--with", "a", "--with", "b"}) ==
        "");
}

TEST_CASE("mistakes on a command line are reported as got and expected") {
  CHECK(said({"run", "--jobs", "0"}) == "--jobs: got '0', expected 1 to 8");
  CHECK(said({"run", "-j9"}) == "--jobs: got '9', expected 1 to 8");
  CHECK(said({"run", "--jobs", "many"}) == "--jobs: got 'many', expected 1 to 8");
  CHECK(said({"run", "--timeout=0"}) == "--timeout: got '0', expected 0.001 to 1000000");
  CHECK(said({"run", "--accel", "foo"}) == "--accel: got 'foo', expected auto, kvm or tcg");
  CHECK(said({"run", "--state-at", "abc"}) == "--state-at: got 'abc', expected a number");
  CHECK(said({"run", "--state-at", "-1"}) == "--state-at: got '-1', expected a number");
  CHECK(said({"run", "--freeze", "-1"}) == "--freeze: got '-1', expected a number");
  CHECK(said({"run", "--json=maybe"}) == "--json: got 'maybe', expected a number");
  CHECK(said({"run", "--markdown", "--json"}) == "--json and --markdown exclude each other");
  CHECK(said({"run", "--json", "--markdown"}) == "--json and --markdown exclude each other");
}

TEST_CASE("an option without its value needs one") {
  CHECK(said({"run", "--at"}) == "--at needs a value");
  CHECK(said({"run", "--at="}) == "--at needs a value");
  CHECK(said({"run", "-j"}) == "--jobs needs a value");
  CHECK(said({"run", "--jobs"}) == "--jobs needs a value");
  CHECK(said({"run", "--with", "a", "--with"}) == "--with needs a value");
  // Whatever else is wrong, since CLI11 looks at that later.
  CHECK(said({"run", "--at", "1", "--at", "2", "--jobs"}) == "--jobs needs a value");
  CHECK(said({"run", "--jobs", "99", "--at"}) == "--at needs a value");
}

TEST_CASE("an option that is given too often takes one value") {
  CHECK(said({"run", "--at", "1", "--at", "2"}) == "--at is given 2 times, but takes one value");
  CHECK(said({"run", "--at", "1", "--at", "2", "--at=3"}) ==
        "--at is given 3 times, but takes one value");
  // What looks like an option is the value of the one before it.
  CHECK(said({"run", "--at", "1", "--at", "--jobs"}) ==
        "--at is given 2 times, but takes one value");
}

TEST_CASE("an unknown option is answered with the nearest one, an extra argument is named") {
  const Error option = Line().mistake({"run", "--jsn"});
  CHECK(option.code == ErrorCode::kUsage);
  CHECK(option.message == "unknown option '--jsn'");
  CHECK(option.hint == "did you mean '--json'?");
  const Error argument = Line().mistake({"run", "more", "more words", "and"});
  CHECK(argument.message == "unexpected argument 'more words'");
  CHECK(argument.hint == "see 'ktape x --help'");
  // The value of an option that is not there is not to blame, on whichever side it stands.
  CHECK(said({"run", "more", "freeze:1", "--atx"}) == "unknown option '--atx'");
  CHECK(said({"run", "--atx=freeze:1"}) == "unknown option '--atx'");
  // Nor is what is missing.
  CHECK(said({"--jsn"}) == "unknown option '--jsn'");
}

TEST_CASE("an unknown kind of mistake is reported in its own words") {
  CHECK(said({}) == "TAPE is required");
  CHECK(said({"--json"}) == "TAPE is required");
  CHECK(said({"run", "--jobs", "\x1b[2J"}) == "--jobs: got '\\x1b[2J', expected 1 to 8");
}

TEST_CASE("a mistake in a verb is reported under the name of the program") {
  const auto mistake = [](std::vector<std::string> words) {
    Program program("ktape x", "", "");
    Program::Verb verb = program.add_verb("inspect", "", "");
    std::string image;
    int32_t jobs = 1;
    bool json = false;
    verb.add("IMAGE", image, "").required();
    verb.add("--jobs", jobs, "").range(1, 8);
    verb.add_flag("--json", json, "");
    return mistake_of(program, words).message;
  };
  CHECK(mistake({}) == "A subcommand is required");
  CHECK(mistake({"inspekt"}) == "there is no subcommand 'inspekt'");
  CHECK(mistake({"inspect"}) == "IMAGE is required");
  CHECK(mistake({"inspect", "a", "--jobs"}) == "--jobs needs a value");
  CHECK(mistake({"inspect", "a", "--jobs", "1", "--jobs", "2"}) ==
        "--jobs is given 2 times, but takes one value");
  CHECK(mistake({"inspect", "a", "--jobs=9"}) == "--jobs: got '9', expected 1 to 8");
  CHECK(mistake({"inspect", "a", "--json=x"}) == "--json: got 'x', expected a number");
  CHECK(mistake({"inspect", "a", "b"}) == "unexpected argument 'b'");
}

TEST_CASE("the values of an option are printed as people write them") {
  const std::string help = Line().help();
  const auto has = [&](const char* text) { return help.find(text) != std::string::npos; };
  CHECK(has("  --accel auto|kvm|tcg\n"));
  CHECK(has("  -j,--jobs N (1 to 8)\n"));
  CHECK(has("  --timeout S (0.001 to 1000000)"));
  CHECK(has("  --at FREEZE\n"));
  CHECK(has("  --state-at UINT\n"));
  CHECK(has("  --markdown (not with --json)"));
}

TEST_CASE("a subcommand that does not exist is answered with the nearest one, or with all") {
  Program program("ktape x", "", "");
  for (const char* name : {"inspect", "fetch", "list"}) program.add_verb(name, "", "");
  CHECK(mistake_of(program, {"inspekt"}).hint == "did you mean 'inspect'?");
  CHECK(mistake_of(program, {"nosuch"}).hint == "give inspect, fetch or list");
}

TEST_CASE("the text of an option is filled up to 100 columns, and keeps breaks behind clauses") {
  Program program("ktape x", "", "");
  std::string value;
  program.add("--memory", value,
              "What to keep, of which there is very much, so that this line is much longer than\n"
              "others.\nsched: what the scheduler has;\nfull: all");
  program.add("--a-name-of-an-option-that-is-long", value, "Text").value_name("FILE");
  const std::string help = program.help();
  const std::string indent = "\n" + std::string(30, ' ');
  CHECK_THAT(help,
             Catch::Matchers::ContainsSubstring(
                 "  --memory TEXT               What to keep, of which there is very much, so "
                 "that this line is much" +
                 indent + "longer than others." + indent + "sched: what the scheduler has;" +
                 indent + "full: all\n"));
  CHECK_THAT(help, Catch::Matchers::ContainsSubstring("  --a-name-of-an-option-that-is-long FILE" +
                                                      indent + "Text\n"));
}

}  // namespace ktape::test
