// SPDX-License-Identifier: Apache-2.0
// Whenever a machine is lost, the assertions on its tape are inconclusive, or passed so far: none
// says that the kernel failed.
#include <catch2/catch_test_macros.hpp>

#include "schema/base/child.h"
#include "schema/wire/data.h"
#include "tests/capture/run/engine_fixture.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

using schema::Outcome;

namespace {

constexpr int kInconclusive = 77;
constexpr int32_t kPid = 70;
constexpr uint64_t kStartNs = 5'000'000'000;

// A run without problems, message by message.
class GoodRun : public EngineFixture {
 public:
  GoodRun() {
    FakeKernel kernel;
    kernel.add_task(kPid, "sleeper", kStartNs);
    knowledge(kernel.knowledge(), kernel.ram());
  }

  // The first `count` messages of it; false when it has no more.
  bool messages(size_t count) {
    const std::vector<std::function<void()>> all = {
        [&] { hello(); },
        [&] {
          agent_says([](schema::FromAgent::Builder message) {
            auto attached = message.initSchedulerAttached();
            attached.setId(1);
            attached.setName(as_data("ktape_vtime"));
            attached.setVtime(schema::VtimeSemantics::ONLY_GROWS);
          });
        },
        [&] {
          agent_says([](schema::FromAgent::Builder message) {
            auto started = message.initWorkerStarted();
            started.setName("sleeper");
            started.setPid(kPid);
            started.setStartBoottimeNs(kStartNs);
          });
        },
        [&] { step_started(0, "only"); },
        [&] { read_symbol(1, "jiffies", "jiffies_64"); },
        [&] { vtime(2, true); },
        [&] { vtime(3, false); },
        [&] {
          agent_says(
              [](schema::FromAgent::Builder message) { message.initStepFinished().setOk(true); });
        },
        [&] {
          agent_says([](schema::FromAgent::Builder message) {
            message.initSchedulerExited().setId(1);
            message.getSchedulerExited().setKind(64);
          });
        },
    };
    for (size_t i = 0; i < count && i < all.size(); ++i) all[i]();
    return count <= all.size();
  }

  void check_not_blamed() {
    CHECK(run().outcome == Outcome::MACHINE_LOST);
    const ChildResult check = must(run_child(KTAPE_BIN "/ktape-check", {tape()}, size_t{1} << 20));
    INFO(check.output);
    CHECK(check.exit_status == kInconclusive);
    CHECK(check.output.find("\nnot ok") == std::string::npos);
    CHECK(check.output.find("machine was lost") != std::string::npos);
  }

 private:
  void vtime(uint64_t id, bool write) {
    request(id, [&](schema::OpEntry::Builder entry) {
      entry.setTag("vtime");
      auto task = entry.initTarget().initTask();
      task.setWorker("sleeper");
      task.setPid(kPid);
      task.setStartBoottimeNs(kStartNs);
      entry.getTarget().setPath("scx.dsq_vtime");
      if (write) {
        entry.initWrite().setU64(1000);
      } else {
        entry.setRead(schema::ValueKind::U64);
      }
    });
  }
};

}  // namespace

TEST_CASE("a machine that is lost after any message fails no assertion") {
  for (size_t count = 0;; ++count) {
    GoodRun good;
    if (!good.messages(count)) break;
    INFO("after " << count << " messages");
    good.lost("QEMU was killed by signal 9 (Killed)");
    good.check_not_blamed();
  }
}

TEST_CASE_METHOD(GoodRun, "a machine that is lost at a freeze fails no assertion") {
  messages(6);
  machine().fail_next_freeze(
      Error{ErrorCode::kMachineLost, "QEMU was killed by signal 9 (Killed)", ""});
  check_not_blamed();
}

TEST_CASE_METHOD(GoodRun, "a machine that does not resume fails no assertion") {
  messages(6);
  machine().fail_next_thaw(Error{ErrorCode::kMachineLost, "QMP does not answer", ""});
  check_not_blamed();
}

}  // namespace ktape::test
