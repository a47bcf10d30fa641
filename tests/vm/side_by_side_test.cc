// SPDX-License-Identifier: Apache-2.0
// Two captures at a time, with the same scenario, kernel and name, and the effect of --fast-boot.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <future>

#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"
#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Rows = std::vector<std::string>;

namespace {

constexpr char kSharedKernel[] = "6.16";
// The message of an initcall that --fast-boot leaves out (certs/system_keyring.c).
constexpr char kSlowInitcall[] = "Loading compiled-in X.509 certificates";
constexpr char kShortScenario[] = R"((
  name = "twin", durationMs = 100,
  scheduler = (vtime = (switchMode = full)),
  workers = [(name = "sleeper", policy = normal, phases = [(sleepMs = 600000)])],
  steps = [
    (name = "settle", actions = [
      (wait = (worker = "sleeper", state = sleeping, deadlineMs = 60000))]),
    (name = "look", actions = [
      (op = (entry = (tag = "jiffies", target = (symbol = "jiffies_64"), read = u64))),
      (op = (entry = (
        tag = "pid", target = (task = (worker = "sleeper"), path = "pid"), read = u32))),
    ]),
  ],
))";

struct Twin {
  std::string tape;
  std::future<ChildResult> program;

  // Records twin.ktape in its own folder.
  Twin(const TempDir& temp, const std::string& name, const std::vector<std::string>& more) {
    const std::string folder = temp.file(name);
    std::filesystem::create_directory(folder);
    tape = folder + "/twin.ktape";
    std::vector<std::string> arguments = {temp.file("twin.scenario"), "-o", tape, "--kernel",
                                          version_for(kSharedKernel)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    program = std::async(std::launch::async, run_built, "ktape-capture", arguments);
  }
};

TapeFacts completed(Twin& twin) {
  const ChildResult program = twin.program.get();
  INFO(program.output);
  REQUIRE(program.exit_status == 0);
  CHECK(run_built("ktape-verify", {twin.tape}).exit_status == 0);
  return must(gather_facts(twin.tape));
}

std::string command_line(const Twin& twin) {
  return sql_rows(twin.tape, "select kernel_command_line from run").at(0);
}

}  // namespace

TEST_CASE("two captures at a time do not interfere, and the one with --fast-boot reports it") {
  if (!is_cached(kSharedKernel)) SKIP(not_cached(kSharedKernel));
  const TempDir temp;
  std::ofstream(temp.file("twin.scenario")) << kShortScenario;
  Twin plain(temp, "plain", {}), fast(temp, "fast", {"--fast-boot"});
  const TapeFacts plain_facts = completed(plain), fast_facts = completed(fast);

  for (const TapeFacts* facts : {&plain_facts, &fast_facts}) {
    CHECK(facts->entries.at("pid").value == static_cast<uint64_t>(facts->workers.at("sleeper")));
    CHECK(facts->freezes == 1);
  }
  CHECK(sql_rows(plain.tape, "select fast_boot from run") == Rows{"0"});
  CHECK(sql_rows(fast.tape, "select fast_boot from run") == Rows{"1"});
  // The kernel reports, and uses, the command line that is on the tape.
  CHECK_THAT(plain_facts.console, ContainsSubstring("Kernel command line: " + command_line(plain)));
  CHECK_THAT(fast_facts.console, ContainsSubstring("Kernel command line: " + command_line(fast)));
  CHECK(command_line(fast).starts_with(command_line(plain) + " "));
  CHECK_THAT(plain_facts.console, ContainsSubstring(kSlowInitcall));
  CHECK_THAT(fast_facts.console, !ContainsSubstring(kSlowInitcall));
}

}  // namespace ktape::test
