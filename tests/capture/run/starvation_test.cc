// SPDX-License-Identifier: Apache-2.0
#include "capture/run/starvation.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/tape/reading/reader.h"
#include "schema/wire/data.h"
#include "tests/capture/run/engine_fixture.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using schema::Outcome;

namespace {

// A guest with two CPUs whose agent is pid 1 and is silent after its hello.
class SilentAgent : public EngineFixture {
 public:
  SilentAgent() {
    scenario(
        "(name = \"t\", bootDeadlineMs = 300, steps = [(name = \"only\", actions = [(sleepMs = "
        "1)])])");
    for (uint32_t cpu = 0; cpu < FakeKernel::kCpus; ++cpu)
      run_task(cpu, 124 + static_cast<int32_t>(cpu));
  }

  void run_task(uint32_t cpu, int32_t pid) {
    const GuestVirtual task = kernel.add_task(pid, "rthog", 1'000'000'000, cpu);
    kernel.set_task(task, "policy", 1);
    kernel.set_task(task, "rt_priority", 99);
    kernel.set_task(task, "sched_class", kernel.symbol("rt_sched_class").value);
    kernel.put(kernel.per_cpu("current_task", cpu), task.value, 8);
  }

  RunEnd run_silently() {
    knowledge(kernel.knowledge(), kernel.live_ram());
    hello();
    return run();
  }

  std::vector<std::string> frozen_for() {
    std::vector<std::string> details;
    must(must(TapeReader::open(tape()))->for_each([&](const RecordView& view) -> Result<void> {
      if (!view.record.isFreezeBegan()) return {};
      CHECK(view.record.getFreezeBegan().getCause() == schema::FreezeCause::WATCHDOG);
      details.emplace_back(as_text(view.record.getFreezeBegan().getDetail()));
      return {};
    }));
    return details;
  }

  FakeKernel kernel;
  GuestVirtual agent = kernel.add_task(1, "init", 10);
};

}  // namespace

TEST_CASE_METHOD(
    SilentAgent,
    "an agent that is runnable but does not run is reported as starved, with the tasks that run") {
  kernel.set_task(agent, "on_rq", 1);
  const RunEnd end = run_silently();
  CHECK(end.outcome == Outcome::BOOT_TIMED_OUT);
  CHECK_THAT(end.detail, ContainsSubstring("and is starved: CPU 0 runs rthog[124] (fifo 99), "
                                           "CPU 1 runs rthog[125] (fifo 99)"));
  CHECK_THAT(frozen_for().at(0), ContainsSubstring("is starved"));
}

TEST_CASE_METHOD(SilentAgent,
                 "a report of a starved agent includes idle CPUs and CPUs that cannot be read") {
  kernel.set_task(agent, "on_rq", 1);
  run_task(0, 0);
  kernel.put(kernel.per_cpu("current_task", 1), FakeKernel::kNoRam.value, 8);
  CHECK_THAT(run_silently().detail,
             ContainsSubstring("CPU 0 runs nothing, CPU 1 runs an unreadable task"));
}

TEST_CASE_METHOD(
    SilentAgent,
    "an agent that is blocked in the kernel is reported with the tasks that run meanwhile") {
  kernel.set_task(agent, "__state", 2);
  CHECK_THAT(run_silently().detail,
             ContainsSubstring("and is blocked in the kernel: CPU 0 runs rthog[124]"));
}

TEST_CASE_METHOD(SilentAgent,
                 "a sleeping agent is not starved, but the running tasks are still in the freeze") {
  const RunEnd end = run_silently();
  CHECK(end.outcome == Outcome::BOOT_TIMED_OUT);
  CHECK(end.detail ==
        "300 ms passed while attaching the scheduler and starting workers; raise "
        "'bootDeadlineMs' in the scenario to allow more");
  CHECK(frozen_for() == std::vector<std::string>{""});
}

}  // namespace ktape::test
