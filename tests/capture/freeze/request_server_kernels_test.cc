// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "tests/capture/run/engine_fixture.h"
#include "tests/support/kernel/btf_builder.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

// Requests that came before the kernel was adopted, if the kernel lacks what they need. `ktape
// capture` refuses most such kernels before they boot; the engine does not rely on it.
namespace ktape::test {

using schema::EntryStatus;
using schema::Outcome;

namespace {

constexpr int32_t kPid = 70;
constexpr uint64_t kStartNs = 5'000'000'000;

// Three requests before the guest says hello, and one after: for a symbol, a task and a per-CPU
// member.
class Deferred : public EngineFixture {
 public:
  void run_on(const FakeKernel& kernel, std::shared_ptr<const KernelKnowledge> image) {
    knowledge(std::move(image), kernel.ram());
    read_symbol(1, "ticks", "jiffies_64");
    request(2, [](schema::OpEntry::Builder entry) {
      of_task(entry);
      entry.setRead(schema::ValueKind::AUTO);
    });
    request(3, [](schema::OpEntry::Builder entry) {
      of_task(entry);
      entry.initWrite().setU32(3);
    });
    hello();
    request(4, [](schema::OpEntry::Builder entry) {
      entry.initTarget().initPerCpu().setSymbol("runqueues");
      entry.getTarget().setPath("nr_running");
      entry.setRead(schema::ValueKind::AUTO);
    });
    done();
    ended();
    CHECK(run().outcome == Outcome::COMPLETED);
    REQUIRE(replies.size() == 4);
    for (uint64_t i = 0; i < 4; ++i) CHECK(replies[i].request == i + 1);
  }

 private:
  static void of_task(schema::OpEntry::Builder entry) {
    auto task = entry.initTarget().initTask();
    task.setPid(kPid);
    task.setStartBoottimeNs(kStartNs);
    entry.getTarget().setPath("policy");
  }
};

// The facts of a fake kernel's image, except for its symbols and types.
std::shared_ptr<KernelKnowledge> known(const FakeKernel& kernel, SymbolTable symbols,
                                       std::vector<std::byte> types) {
  KernelKnowledge knowledge{.release = kernel.knowledge()->release,
                            .banner = kernel.knowledge()->banner,
                            .symbols = std::move(symbols),
                            .btf = must(Btf::parse(types)),
                            .btf_raw = types};
  return std::make_shared<KernelKnowledge>(std::move(knowledge));
}

}  // namespace

TEST_CASE_METHOD(Deferred, "a kernel without symbols gives each request that error") {
  FakeKernel kernel;
  run_on(kernel, known(kernel, SymbolTable(), kernel.knowledge()->btf_raw));
  for (const HeardReply& reply : replies) {
    CHECK(reply.error ==
          "the guest's kernel could not be adopted: kernel has no symbol 'linux_banner'");
    CHECK(reply.statuses.empty());
  }
  CHECK(machine().freezes() == 0);
}

TEST_CASE_METHOD(
    Deferred,
    "a kernel without types serves requests that need none, and answers the rest with its error") {
  FakeKernel kernel;
  kernel.add_task(kPid, "sleeper", kStartNs);
  BtfBuilder types;
  types.integer("int", 4);
  run_on(kernel, known(kernel, kernel.knowledge()->symbols, types.bytes()));
  CHECK(replies[0].statuses == std::vector{EntryStatus::DONE});
  for (const size_t task : {1, 2}) {
    CHECK(replies[task].statuses == std::vector{EntryStatus::REFUSED});
    CHECK(replies[task].reasons[0] ==
          "gate 1 (pid) cannot be evaluated: no type 'struct pid_namespace' in this kernel's BTF");
  }
  CHECK(replies[3].statuses == std::vector{EntryStatus::REFUSED});
  CHECK(replies[3].reasons[0].starts_with(
      "'runqueues' has no type in this kernel's BTF: a path needs one"));
}

TEST_CASE_METHOD(Deferred,
                 "a kernel without sched_ext serves all but the write to a task, which says why") {
  FakeKernel kernel(FakeKernelShape{.sched_ext = false});
  kernel.add_task(kPid, "sleeper", kStartNs);
  run_on(kernel, kernel.knowledge());
  for (const size_t served : {0, 1, 3})
    CHECK(replies[served].statuses == std::vector{EntryStatus::DONE});
  CHECK(replies[2].statuses == std::vector{EntryStatus::REFUSED});
  CHECK(replies[2].reasons[0] ==
        "gate 6 (schedClass) refuses: observed sched_class=fair_sched_class, this kernel has no "
        "sched_ext, "
        "expected sched_class=ext_sched_class");
}

}  // namespace ktape::test
