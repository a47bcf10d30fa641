// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/capture_arguments.h"

#include <capnp/message.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <regex>

#include "replay/text/provenance.h"
#include "schema/base/child.h"
#include "schema/base/shell_words.h"
#include "tests/support/must.h"

// The arguments of a capture are on the tape, and come back as a command that requests the same.
namespace ktape::test {

namespace {

ParsedCapture parse(std::vector<std::string> words) {
  words.insert(words.begin(), "ktape-capture");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return parse_capture(static_cast<int>(arguments.size()), arguments.data());
}

CaptureOptions options_of(const std::vector<std::string>& words) {
  const ParsedCapture parsed = parse(words);
  REQUIRE(std::holds_alternative<CaptureOptions>(parsed));
  return std::get<CaptureOptions>(parsed);
}

// The long names of all options, as help has them.
std::vector<std::string> option_names() {
  const std::string help = must(run_child(KTAPE_BIN "/ktape-capture", {"--help"}, 1 << 20)).output;
  const std::regex option(R"((^|\n)  (?:-\w,)?(--[a-z-]+))");
  std::vector<std::string> names;
  for (std::sregex_iterator found(help.begin(), help.end(), option), end; found != end; ++found)
    names.push_back(found->str(2));
  return names;
}

// As `ktape info --reproduce` prints it of a tape that was captured so.
std::string command_of(const CaptureOptions& options) {
  capnp::MallocMessageBuilder message;
  auto run = message.initRoot<schema::RunStarted>();
  const std::vector<std::string> words = capture_words(options);
  auto arguments = run.initArguments(static_cast<unsigned>(words.size()));
  for (unsigned i = 0; i < arguments.size(); ++i) arguments.set(i, words[i]);
  return must(capture_command(run.asReader()));
}

// Every option with a value that is not its default.
CaptureOptions unusual() {
  CaptureOptions options;
  options.scenario = "folder with blanks/it's.scenario";
  options.kernel = "/boot/vmlinuz-x";
  options.machine.shape =
      MachineShape{.cpus = 16, .sockets = 2, .cores = 4, .threads = 2, .llcs = 4, .numa_nodes = 2};
  options.machine.memory_mb = 1024;
  options.guest = {"./scx_mine --slice '5 ms' \"$x\"", {"one", "two"}, {"a", "-b"}};
  options.accelerator = Accelerator::kTcg;
  options.kaslr = false;
  options.fast_boot = true;
  options.tcg_single_thread = true;
  options.fail_on_eject = true;
  options.memory = schema::MemoryMode::FULL;
  options.extra_arguments = "-x loglevel=7 'quoted' back\\slash";
  options.qemu_program = "/opt/qemu";
  options.freeze_on = {"symbol:schedule*3", "none"};
  options.freeze_every = std::chrono::milliseconds(250);
  options.max_tape_bytes = 7'000'000;
  return options;
}

}  // namespace

TEST_CASE("the command from a tape requests what the capture requested") {
  for (const CaptureOptions& options : {options_of({"cold_path_roundtrip"}), unusual()}) {
    const std::string command = command_of(options);
    INFO(command);
    std::vector<std::string> words = must(shell_words(command));
    REQUIRE(words.size() > 2);
    CHECK(words[0] == "ktape");
    CHECK(words[1] == "capture");
    words.erase(words.begin(), words.begin() + 2);
    CHECK(options_of(words) == options);
  }
}

TEST_CASE("the command names the kernel, whose default changes, and leaves out other defaults") {
  CHECK(command_of(options_of({"my.scenario", "--cpus", "4", "-o", "x.ktape"})) ==
        std::string("ktape capture --kernel ") + "6.16.12" + " --topology cpus=4 my.scenario");
  CHECK(options_of({"--", "-x"}).scenario == "-x");
  CHECK(command_of(options_of({"--", "-x"})) == "ktape capture --kernel 6.16.12 ./-x");
}

TEST_CASE(
    "every option of a capture is in the command, except those that are not part of the run") {
  const std::vector<std::string> words = capture_words(unusual());
  const auto is_in = [&](const std::string& name) {
    return std::ranges::any_of(words, [&](const std::string& word) {
      return word == name || word.starts_with(name + "=");
    });
  };
  const std::vector<std::string> names = option_names();
  REQUIRE(names.size() > 15);
  for (const std::string& name : names) {
    INFO(name);
    const bool no_part = name == "--help" || name == "--version" || name == "--output" ||
                         name == "--cpus" /* --topology says it */;
    CHECK((no_part || is_in(name)));
  }
}

TEST_CASE("an older tape has no command, and a hostile one none that is shown") {
  capnp::MallocMessageBuilder message;
  auto run = message.initRoot<schema::RunStarted>();
  CHECK(capture_command(run.asReader()).error().code == ErrorCode::kNotApplicable);
  run.initArguments(1).set(0, "x\n rm");
  CHECK(capture_command(run.asReader()).error().code == ErrorCode::kBadInput);
  run.getArguments().set(0, "$(rm) `rm`; rm");
  CHECK(must(capture_command(run.asReader())) == "ktape capture '$(rm) `rm`; rm'");
}

}  // namespace ktape::test
