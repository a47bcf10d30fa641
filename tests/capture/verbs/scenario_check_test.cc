// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/scenario_check.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <filesystem>
#include <string>

#include "guest/kernel/image/kernel_image.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"

using namespace ktape;
using namespace ktape::test;

namespace {

namespace fs = std::filesystem;

std::shared_ptr<const KernelKnowledge> learn(const std::string& series) {
  if (!is_cached(series)) SKIP(not_cached(series));
  return must(learn_kernel(must(load_kernel_image(cached_kernel(series))).vmlinux));
}

LoadedScenario with_op(const std::string& entry) {
  return must(parse_scenario(
      "my.scenario",
      "(name = \"t\",\n workers = [(name = \"w\", phases = [(spinMs = 1)])],\n"
      " steps = [(name = \"look\", actions = [\n  (op = (entry = (tag = \"vtime\", " +
          entry + ")))])])"));
}

Error refusal(const KernelKnowledge& kernel, const std::string& entry) {
  const Result<void> checked = check_scenario_ops(with_op(entry), kernel);
  REQUIRE_FALSE(checked.ok());
  CHECK(checked.error().code == ErrorCode::kUsage);
  return checked.error();
}

}  // namespace

TEST_CASE(
    "a member that the kernel does not have is refused with file, place, step, op and the "
    "nearest") {
  const FakeKernel fake;
  const Error error = refusal(
      *fake.knowledge(), "target = (task = (worker = \"w\"), path = \"scx.dsq_vtme\"), read = u64");
  CHECK(error.message ==
        "my.scenario:4:43: step 'look', op 'vtime': 'struct sched_ext_entity' has no member "
        "'dsq_vtme'");
  CHECK(error.hint == "did you mean 'dsq_vtime'?");
}

TEST_CASE("a width that is not the kernel's is refused at its place") {
  const FakeKernel fake;
  CHECK(refusal(*fake.knowledge(),
                "target = (task = (worker = \"w\"), path = \"scx.dsq_vtime\"),\n   read = u32")
            .message ==
        "my.scenario:5:11: step 'look', op 'vtime': u32 was asked, and 'u64' has 8 bytes");
}

TEST_CASE("a step without a name is named by its number") {
  const FakeKernel fake;
  const LoadedScenario scenario = must(parse_scenario(
      "my.scenario",
      "(name = \"t\", steps = [(actions = [(sleepMs = 1)]), (actions = [(op = (entry = "
      "(tag = \"x\", target = (symbol = \"nowhere\"), read = u8)))])])"));
  const Result<void> checked = check_scenario_ops(scenario, *fake.knowledge());
  REQUIRE_FALSE(checked.ok());
  CHECK(checked.error().message ==
        "my.scenario:1:100: step 2, op 'x': no symbol 'nowhere' in this kernel");
}

TEST_CASE("a scenario without a scheduler needs no sched_ext as long as its ops do not") {
  const FakeKernel fake({.sched_ext = false});
  CHECK(
      check_scenario_ops(with_op("target = (task = (worker = \"w\"), path = \"pid\"), read = u32"),
                         *fake.knowledge())
          .ok());
  CHECK(refusal(*fake.knowledge(),
                "target = (task = (worker = \"w\"), path = \"scx.dsq_vtime\"), read = u64")
            .message.ends_with("'struct task_struct' has no member 'scx'"));
}

TEST_CASE("every scenario shipped or used in tests needs only what stock kernels have") {
  const auto kernel = learn(GENERATE("6.16", "7.3"));
  size_t seen = 0;
  for (const char* folder : {"/guest/scenarios", "/tests/scenarios"}) {
    for (const auto& file : fs::directory_iterator(std::string(KTAPE_SOURCE_DIR) + folder)) {
      if (file.path().extension() != ".scenario") continue;
      INFO(file.path());
      must(check_scenario_ops(must(load_scenario(file.path())), *kernel));
      ++seen;
    }
  }
  CHECK(seen >= 5);
}

TEST_CASE("typos that only a stock kernel reveals are refused with its names") {
  const auto kernel = learn(GENERATE("6.16", "7.3"));
  const std::string where = "my.scenario:4:43: step 'look', op 'vtime': ";

  const Error symbol = refusal(
      *kernel, "target = (perCpu = (symbol = \"runqueue\"), path = \"nr_running\"), read = u32");
  CHECK(symbol.message == where + "no symbol 'runqueue' in this kernel");
  CHECK(symbol.hint == "did you mean 'runqueues'?");

  const Error member =
      refusal(*kernel, "target = (task = (worker = \"w\"), path = \"scx.dsq_vtme\"), read = u64");
  CHECK(member.message == where + "'struct sched_ext_entity' has no member 'dsq_vtme'");
  CHECK(member.hint == "did you mean 'dsq_vtime'?");

  const Error width =
      refusal(*kernel, "target = (task = (worker = \"w\"), path = \"scx.dsq_vtime\"), read = u32");
  CHECK(width.message.ends_with("step 'look', op 'vtime': u32 was asked, and 'u64' has 8 bytes"));

  const Error path =
      refusal(*kernel, "target = (symbol = \"jiffies_64\", path = \"x\"), read = u64");
  CHECK(path.message == where + "'jiffies_64' has no type in this kernel's BTF: a path needs one");
}

TEST_CASE("a stock kernel without sched_ext accepts a scenario that does not need it") {
  const auto kernel = learn("6.12");
  REQUIRE_FALSE(kernel->has_sched_ext());
  CHECK(check_scenario_ops(
            with_op(
                "target = (perCpu = (symbol = \"runqueues\"), path = \"nr_running\"), read = u32"),
            *kernel)
            .ok());
}

TEST_CASE("without sched_ext a write to a task is refused before the boot, and a read is not") {
  const FakeKernel fake(FakeKernelShape{.sched_ext = false});
  const std::string target = "target = (task = (worker = \"w\"), path = \"policy\"), ";
  CHECK(refusal(*fake.knowledge(), target + "write = (u32 = 3)").message ==
        "my.scenario:4:93: step 'look', op 'vtime': this kernel has no sched_ext, so the gates "
        "refuse "
        "every write to a task");
  CHECK(check_scenario_ops(with_op(target + "read = u32"), *fake.knowledge()).ok());
  // A scenario that expects the refusal may boot.
  const LoadedScenario expecting =
      must(parse_scenario("my.scenario",
                          "(name = \"t\", workers = [(name = \"w\", phases = [(sleepMs = 1)])], "
                          "steps = [(actions = [(op = "
                          "(expect = (refused = schedClass), entry = (tag = \"x\", " +
                              target + "write = (u32 = 3))))])])"));
  CHECK(check_scenario_ops(expecting, *fake.knowledge()).ok());
}
