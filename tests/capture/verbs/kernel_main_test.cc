// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "schema/base/child.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

// `ktape kernel inspect` as a user runs it.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

ChildResult inspect(const std::string& arguments) {
  return must(run_child("/bin/sh",
                        {"-c", "exec " KTAPE_BIN "/ktape-kernel inspect " + arguments + " 2>&1"},
                        1 << 20));
}

std::string kernel(const std::string& series) {
  if (!is_cached(series)) SKIP(not_cached(series));
  return cached_kernel(series);
}

}  // namespace

TEST_CASE("a stock kernel is inspected with the layouts of the reference scenario") {
  const ChildResult result = inspect(kernel("7.3"));
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.output, ContainsSubstring("release     " + version_for("7.3") + "+deb"));
  CHECK_THAT(result.output, ContainsSubstring("sched_ext   yes\n"));
  CHECK_THAT(result.output, ContainsSubstring("HZ          250\n"));
  CHECK_THAT(result.output,
             ContainsSubstring("missing     nothing: everything a guest needs is built in\n"));
  CHECK_THAT(result.output, ContainsSubstring("        8 bytes  u64\n"));
}

TEST_CASE(
    "each kernel with sched_ext is inspected, and can serve every op of the reference scenario") {
  const std::vector<std::string> versions = versions_with_sched_ext();
  if (versions.empty()) SKIP("no kernel is cached: tools/kernel tests");
  const std::string version = GENERATE_COPY(from_range(versions));
  INFO(version);
  const ChildResult result = inspect(cached_kernel(version));
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.output,
             ContainsSubstring("release     " + version.substr(0, version.find('-')) + "+deb"));
  CHECK_THAT(result.output, ContainsSubstring("sched_ext   yes\n"));
  CHECK_THAT(result.output,
             ContainsSubstring("missing     nothing: everything a guest needs is built in\n"));
  CHECK_THAT(result.output, ContainsSubstring("scx.dsq_vtime "));
  CHECK_THAT(result.output,
             !ContainsSubstring("write_dsq_vtime: "));  // an op that cannot be served
}

TEST_CASE("a kernel without sched_ext is inspected, and the ops that it cannot serve are named") {
  const ChildResult result = inspect(kernel("6.12"));
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.output, ContainsSubstring("sched_ext   no\n"));
  CHECK_THAT(result.output,
             ContainsSubstring("\nthis kernel cannot run the scenario: kernel 6.12"));
  CHECK_THAT(result.output,
             ContainsSubstring(
                 "has no sched_ext, but scenario 'cold_path_roundtrip' attaches a scheduler\n"));
  CHECK_THAT(result.output, ContainsSubstring("write_dsq_vtime: task 'sleeper' scx.dsq_vtime: "
                                              "'struct task_struct' has no member 'scx'\n"));
}

TEST_CASE("an inspection checks a scenario's triggers against the kernel's functions") {
  TempDir folder;
  std::ofstream(folder.file("my.scenario"))
      << R"((name = "my", freezes = (on = ["symbol:schedule", "symbol:scheduul", "symbol:jiffies_64"]),
           steps = [(name = "only", actions = [(sleepMs = 1)])]))";
  const ChildResult result = inspect(kernel("7.3") + " --scenario " + folder.file("my.scenario"));
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.output,
             ContainsSubstring("\nfreeze triggers that this kernel does not support\n"
                               "  symbol:scheduul: kernel " +
                               version_for("7.3")) &&
                 ContainsSubstring(" has no function 'scheduul'\n"
                                   "  symbol:jiffies_64: 'jiffies_64' is data, not a "
                                   "function\n"));
}

TEST_CASE("a file that is not a kernel is refused with what it is") {
  TempDir folder;
  std::ofstream(folder.file("notes")) << "these are words\n";
  const ChildResult result = inspect(folder.file("notes"));
  CHECK(result.exit_status == 3);
  CHECK_THAT(result.output,
             ContainsSubstring("' is not usable: it is text\nhint: use an x86-64 bzImage"));
}

TEST_CASE("a program of the host is not taken for a kernel") {
  const ChildResult result = inspect(KTAPE_BIN "/ktape-kernel");
  CHECK(result.exit_status == 3);
  CHECK_THAT(result.output, ContainsSubstring("UNUSABLE: it is not a kernel"));
}

}  // namespace ktape::test
