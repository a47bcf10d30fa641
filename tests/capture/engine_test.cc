// SPDX-License-Identifier: Apache-2.0
#include <sys/eventfd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>

#include "capture/boot_deadline.h"
#include "schema/base/file.h"
#include "schema/base/tcg_fault.h"
#include "schema/journal/reader.h"
#include "schema/journal/verify.h"
#include "schema/wire/data.h"
#include "tests/capture/engine_fixture.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using schema::Outcome;
using Record = schema::Record;

TEST_CASE_METHOD(EngineFixture, "a run in which the agent says done is completed") {
  hello();
  step_started(0, "only");
  done();
  ended();
  RunEnd end = run();
  CHECK(end.outcome == Outcome::COMPLETED);
  CHECK(end.exit_code == 0);
  CHECK(scenario_arrived);
  CHECK(machine().ended());
  CHECK(kinds() ==
        std::vector{Record::GUEST_HELLO, Record::STEP_STARTED, Record::GUEST_EXITED, Record::SEALED});
}

TEST_CASE_METHOD(EngineFixture,
                 "the agent hears that its last message is on the tape, and powers off only then") {
  hello();
  step_started(0, "only");
  done();
  machine().on_idle([this] {
    if (done_heard > 0) ended();
  });
  const RunEnd end = run();
  CHECK(done_heard == 1);
  CHECK(end.outcome == Outcome::COMPLETED);
}

TEST_CASE_METHOD(EngineFixture, "a run whose agent reports a failed step is not completed") {
  hello();
  step_started(0, "only");
  done(1);
  ended();
  RunEnd end = run();
  CHECK(end.outcome == Outcome::SCENARIO_FAILED);
  CHECK(end.exit_code == 1);
}

TEST_CASE_METHOD(EngineFixture, "a clean power-off without done is not a completed run") {
  hello();
  step_started(0, "only");
  ended();
  RunEnd end = run();
  CHECK(end.outcome == Outcome::GUEST_EXITED);
  CHECK(end.exit_code == -1);
  CHECK(end.detail.find("in step 'only'") != std::string::npos);
}

TEST_CASE_METHOD(EngineFixture,
                 "a panic is told from the console, although the machine only says that it ended") {
  hello();
  step_started(0, "only");
  console("[ 5.0] Kernel panic - not syncing: Fatal exception\n[ 5.1] CPU: 1");
  ended();
  RunEnd end = run();
  CHECK(end.outcome == Outcome::GUEST_PANICKED);
  CHECK(end.detail == "Kernel panic - not syncing: Fatal exception");
  // The unfinished last line is kept as well.
  CHECK(kinds() == std::vector{Record::GUEST_HELLO, Record::STEP_STARTED, Record::CONSOLE, Record::CONSOLE,
                               Record::GUEST_PANICKED, Record::SEALED});
}

TEST_CASE_METHOD(EngineFixture, "a panic that TCG is known for is told as that, and under KVM is not") {
  constexpr char kDeath[] =
      "[ 97.6] Oops: int3: 0000 [#1] SMP NOPTI\n"
      "[ 97.6] RIP: 0010:sched_balance_update_blocked_averages+0x45/0x90\n"
      "[ 97.6] Code: e8 7c f8 ff ff 66 <90> 48 8d 7b 48\n"
      "[ 97.6] ---[ end trace 0000000000000000 ]---\n"
      "[ 97.6] Kernel panic - not syncing: Fatal exception in interrupt\n";
  const bool emulated = GENERATE(true, false);
  machine().mutable_facts().accelerator_used = emulated ? Accelerator::kTcg : Accelerator::kKvm;
  hello();
  console(kDeath);
  ended();
  const RunEnd end = run();
  CHECK(end.outcome == Outcome::GUEST_PANICKED);
  CHECK((end.detail == "Kernel panic - not syncing: Fatal exception in interrupt") == !emulated);
  CHECK(end.detail.ends_with(kPatchingFault) == emulated);
  CHECK((std::ranges::count(progress.lines, kPatchingFault) == 1) == emulated);
}

TEST_CASE_METHOD(EngineFixture, "a lost machine is its own outcome, with the reason") {
  hello();
  lost("QEMU ended by signal 9");
  RunEnd end = run();
  CHECK(end.outcome == Outcome::MACHINE_LOST);
  CHECK(end.detail == "QEMU ended by signal 9");
  CHECK(kinds() == std::vector{Record::GUEST_HELLO, Record::MACHINE_LOST, Record::SEALED});
}

TEST_CASE_METHOD(EngineFixture, "a guest that never says hello meets the boot watchdog") {
  scenario("(name = \"t\", bootDeadlineMs = 50, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  console("stuck here\n");
  RunEnd end = run();
  CHECK(end.outcome == Outcome::BOOT_TIMED_OUT);
  CHECK(end.detail.find("'stuck here'") != std::string::npos);
  CHECK(end.detail.ends_with("; 'bootDeadlineMs' in the scenario allows more"));
  CHECK(kinds() == std::vector{Record::CONSOLE, Record::WATCHDOG_FIRED, Record::SEALED});
}

TEST_CASE_METHOD(EngineFixture, "a step that never ends meets the run watchdog") {
  scenario("(name = \"t\", watchdogMs = 50, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  hello();
  step_started(0, "only");
  RunEnd end = run();
  CHECK(end.outcome == Outcome::RUN_TIMED_OUT);
  CHECK(end.detail == "50 ms passed while in step 'only'; 'watchdogMs' in the scenario allows more");
  CHECK(machine().ended());
}

TEST_CASE("a machine of many CPUs may take longer to boot, and longer still where it is emulated") {
  using std::chrono::seconds;
  CHECK(default_boot_deadline(1, Accelerator::kTcg) == seconds(120));
  CHECK(default_boot_deadline(2, Accelerator::kTcg) == seconds(120));
  CHECK(default_boot_deadline(64, Accelerator::kTcg) == seconds(864));
  CHECK(default_boot_deadline(64, Accelerator::kKvm) == seconds(244));
}

TEST_CASE_METHOD(EngineFixture, "a step may begin when the host is ready for it") {
  hello();
  step_started(0, "only");
  done();
  ended();
  (void)run();
  CHECK(ready_steps == std::vector<uint32_t>{0});
}

// The in-memory machine's twin of a QEMU that was stopped (SIGSTOP): a lost machine is never the guest's
// failure.
TEST_CASE_METHOD(EngineFixture,
                 "a machine that does not answer when the watchdog fires is lost, not timed out") {
  scenario("(name = \"t\", watchdogMs = 50, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  hello();
  step_started(0, "only");
  machine().fail_next_check(Error{ErrorCode::kMachineLost,
                                  "QEMU does not answer: it is stopped by signal 19 (Stopped (signal))", ""});
  RunEnd end = run();
  CHECK(end.outcome == Outcome::MACHINE_LOST);
  CHECK(end.detail == "QEMU does not answer: it is stopped by signal 19 (Stopped (signal))");
  CHECK(kinds() ==
        std::vector{Record::GUEST_HELLO, Record::STEP_STARTED, Record::MACHINE_LOST, Record::SEALED});
}

TEST_CASE_METHOD(EngineFixture, "a signal to the program ends the run and seals its tape") {
  UniqueFd interrupt(::eventfd(1, EFD_CLOEXEC));
  hello();
  RunEnd end = run({.end_fd = interrupt.get(), .freeze_fd = -1});
  CHECK(end.outcome == Outcome::INTERRUPTED);
  CHECK(kinds().back() == Record::SEALED);
}

TEST_CASE_METHOD(EngineFixture, "a guest that never stops talking does not keep the user waiting") {
  UniqueFd interrupt(::eventfd(1, EFD_CLOEXEC));
  hello();
  for (int i = 0; i < 100; ++i) console("chatter\n");
  CHECK(run({.end_fd = interrupt.get(), .freeze_fd = -1}).outcome == Outcome::INTERRUPTED);
  std::vector<Record::Which> all = kinds();
  CHECK(std::count(all.begin(), all.end(), Record::CONSOLE) < 100);
}

TEST_CASE_METHOD(EngineFixture, "garbage from the agent ends the run as a broken protocol") {
  hello();
  agent_sends_bytes(std::string_view("\x05\x00\x00\x00garbage", 11));
  RunEnd end = run();
  CHECK(end.outcome == Outcome::PROTOCOL_BROKEN);
}

TEST_CASE_METHOD(EngineFixture, "an agent of another protocol version is refused by its number") {
  agent_says([](schema::FromAgent::Builder message) { message.initHello().setProtocol(99); });
  RunEnd end = run();
  CHECK(end.outcome == Outcome::PROTOCOL_BROKEN);
  CHECK(end.detail == "the agent speaks protocol 99, expected " + std::to_string(schema::PROTOCOL_VERSION));
}

TEST_CASE_METHOD(EngineFixture, "when adoption fails for good, each request gets that error as its reply") {
  read_symbol(7, "early", "jiffies_64");  // before hello: deferred
  hello();
  read_symbol(8, "late", "jiffies_64");
  done();
  ended();
  (void)run();
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].request == 7);
  CHECK(replies[1].request == 8);
  for (const HeardReply& reply : replies) {
    CHECK_FALSE(reply.ok);
    CHECK(reply.error.starts_with("the guest's kernel could not be adopted: "));
  }
  CHECK(machine().freezes() == 0);
  CHECK(kinds() == std::vector{Record::OP_REQUESTED, Record::OP_DEFERRED, Record::GUEST_HELLO,
                               Record::OP_REPLIED, Record::OP_REQUESTED, Record::OP_REPLIED,
                               Record::GUEST_EXITED, Record::SEALED});
}

TEST_CASE_METHOD(EngineFixture,
                 "a request that cannot be decoded still gets its reply, and stays on the tape") {
  hello();
  request(3, [](schema::OpEntry::Builder entry) {
    entry.setTag("bad");
    entry.initTarget().setSymbol("jiffies_64");
    entry.getTarget().setPath("a..b");
    entry.setRead(schema::ValueKind::U64);
  });
  agent_says([](schema::FromAgent::Builder message) { message.initRequest().setId(4); });  // no entries
  done();
  ended();
  RunEnd end = run();
  CHECK(end.outcome == Outcome::COMPLETED);
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].request == 3);
  CHECK_FALSE(replies[0].error.empty());
  CHECK(replies[1].request == 4);
  CHECK_FALSE(replies[1].error.empty());
}

namespace {

// Requests on a machine that holds a kernel with one task that may be written.
class ServedRequests : public EngineFixture {
 public:
  ServedRequests() {
    FakeKernel kernel;
    kernel.add_task(kPid, "sleeper", kStartNs);
    knowledge(kernel.knowledge(), kernel.ram());
  }

  void on_vtime(uint64_t id, const std::function<void(schema::OpEntry::Builder)>& action) {
    request(id, [&](schema::OpEntry::Builder entry) {
      entry.setTag("vtime");
      auto task = entry.initTarget().initTask();
      task.setPid(kPid);
      task.setStartBoottimeNs(kStartNs);
      entry.getTarget().setPath("scx.dsq_vtime");
      action(entry);
    });
  }
  void write_vtime(uint64_t id, uint64_t value) {
    on_vtime(id, [&](schema::OpEntry::Builder entry) { entry.initWrite().setU64(value); });
  }
  void read_vtime(uint64_t id) {
    on_vtime(id, [](schema::OpEntry::Builder entry) { entry.setRead(schema::ValueKind::U64); });
  }

  // Values that the tape's replies carry, in order; 0 where there is none.
  std::vector<uint64_t> replied_values() const {
    std::vector<uint64_t> values;
    must(must(JournalReader::open(tape()))->for_each([&](const RecordView& view) -> Result<void> {
      if (!view.record.isOpReplied()) return {};
      for (auto entry : view.record.getOpReplied().getEntries()) {
        values.push_back(entry.getValue().isU64() ? entry.getValue().getU64() : 0);
      }
      return {};
    }));
    return values;
  }

 private:
  static constexpr int32_t kPid = 70;
  static constexpr uint64_t kStartNs = 5'000'000'000;
};

size_t count(const std::vector<schema::Record::Which>& kinds, schema::Record::Which kind) {
  return static_cast<size_t>(std::count(kinds.begin(), kinds.end(), kind));
}

}  // namespace

TEST_CASE_METHOD(ServedRequests, "requests that come before adoption are served after it, in order") {
  write_vtime(1, 1000);
  read_vtime(2);
  write_vtime(3, 2000);
  hello();
  read_vtime(4);
  done();
  ended();
  CHECK(run().outcome == Outcome::COMPLETED);
  REQUIRE(replies.size() == 4);
  for (uint64_t i = 0; i < 4; ++i) {
    CHECK(replies[i].request == i + 1);
    CHECK(replies[i].ok);
  }
  CHECK(replied_values() == std::vector<uint64_t>{1000, 1000, 2000, 2000});
  CHECK(count(kinds(), Record::OP_DEFERRED) == 3);
  CHECK(machine().freezes() == 4);
}

TEST_CASE_METHOD(EngineFixture,
                 "an image that is not what runs gives each request that error, exactly once") {
  FakeKernel imaged;
  FakeKernel running;
  std::vector<std::byte> ram = running.ram();
  // What runs says of itself that it is another.
  constexpr std::string_view kBanner = "Linux version";
  const auto as_bytes_of_banner = as_bytes(kBanner);
  for (auto at = ram.begin(); at != ram.end();) {
    at = std::search(at, ram.end(), as_bytes_of_banner.begin(), as_bytes_of_banner.end());
    if (at != ram.end()) *at++ = std::byte{'X'};
  }
  knowledge(imaged.knowledge(), std::move(ram));
  for (uint64_t id = 1; id <= 3; ++id) read_symbol(id, "early", "jiffies_64");
  hello();
  done();
  ended();
  (void)run();
  REQUIRE(replies.size() == 3);
  for (uint64_t i = 0; i < 3; ++i) {
    CHECK(replies[i].request == i + 1);
    CHECK(replies[i].error.find("is not in guest memory: its banner is nowhere") != std::string::npos);
  }
  CHECK(machine().freezes() == 0);
}

TEST_CASE_METHOD(EngineFixture,
                 "without sched_ext a deferred write to a task is refused, and a deferred read served") {
  FakeKernel kernel(FakeKernelShape{.sched_ext = false});
  kernel.add_task(70, "sleeper", 5'000'000'000);
  knowledge(kernel.knowledge(), kernel.ram());
  const auto on_pid = [&](uint64_t id, const std::function<void(schema::OpEntry::Builder)>& action) {
    request(id, [&](schema::OpEntry::Builder entry) {
      auto task = entry.initTarget().initTask();
      task.setPid(70);
      task.setStartBoottimeNs(5'000'000'000);
      entry.getTarget().setPath("policy");
      action(entry);
    });
  };
  on_pid(1, [](schema::OpEntry::Builder entry) { entry.initWrite().setU32(3); });
  on_pid(2, [](schema::OpEntry::Builder entry) { entry.setRead(schema::ValueKind::U32); });
  hello();
  done();
  ended();
  CHECK(run().outcome == Outcome::COMPLETED);
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].statuses == std::vector{schema::EntryStatus::REFUSED});
  CHECK(replies[1].statuses == std::vector{schema::EntryStatus::DONE});
}

TEST_CASE_METHOD(ServedRequests,
                 "a freeze is on the tape with its gates, between the request and its reply") {
  hello();
  write_vtime(1, 1000);
  done();
  ended();
  (void)run();
  std::vector<schema::Record::Which> all = kinds();
  auto at = [&](Record::Which kind) { return std::find(all.begin(), all.end(), kind) - all.begin(); };
  CHECK(at(Record::OP_REQUESTED) < at(Record::FREEZE_BEGAN));
  CHECK(at(Record::FREEZE_BEGAN) < at(Record::FROZEN));
  CHECK(at(Record::FROZEN) < at(Record::GATE_CHECKED));
  CHECK(at(Record::GATE_CHECKED) < at(Record::THAWED));
  CHECK(at(Record::THAWED) < at(Record::OP_REPLIED));
  CHECK(count(all, Record::GATE_CHECKED) == 12);
  CHECK(count(all, Record::LAYOUT_USED) > 0);
}

TEST_CASE_METHOD(ServedRequests,
                 "a machine that is lost in a freeze leaves its request answered on the tape") {
  machine().fail_next_freeze(Error{ErrorCode::kMachineLost, "QEMU ended by signal 9", ""});
  hello();
  write_vtime(1, 1000);
  RunEnd end = run();
  CHECK(end.outcome == Outcome::MACHINE_LOST);
  std::vector<schema::Record::Which> all = kinds();
  CHECK(count(all, Record::OP_REQUESTED) == 1);
  CHECK(count(all, Record::OP_REPLIED) == 1);
  CHECK(count(all, Record::THAWED) == 0);
}

TEST_CASE_METHOD(ServedRequests,
                 "a machine that does not resume leaves what was done in the freeze on the tape") {
  machine().fail_next_thaw(Error{ErrorCode::kMachineLost, "QMP does not answer", ""});
  hello();
  write_vtime(1, 1000);
  RunEnd end = run();
  CHECK(end.outcome == Outcome::MACHINE_LOST);
  CHECK(replied_values() == std::vector<uint64_t>{1000});
  CHECK(count(kinds(), Record::GATE_CHECKED) == 12);
}

TEST_CASE_METHOD(ServedRequests, "a host that cannot go on ends the run with a sealed tape that says why") {
  machine().fail_next_freeze(Error{ErrorCode::kHost, "no memory", ""});
  hello();
  write_vtime(1, 1000);
  RunEnd end = run();
  CHECK(end.outcome == Outcome::HOST_FAILED);
  CHECK(end.detail == "no memory");
  CHECK(kinds().back() == Record::SEALED);
}

namespace {

// The u64 at the place that each reply names, as the pages of its freeze have it.
std::vector<uint64_t> values_in_pages(const std::string& path) {
  auto tape = must(JournalReader::open(path));
  std::vector<uint64_t> values;
  must(tape->for_each([&](const RecordView& view) -> Result<void> {
    if (!view.record.isOpReplied()) return {};
    auto reply = view.record.getOpReplied();
    const uint64_t at = reply.getEntries()[0].getPhysicalAddress();
    for (const FreezePage& row : must(tape->freeze_pages(reply.getFreeze()))) {
      if (row.frame != at / 4096 || !row.hash) continue;
      auto page = must(tape->page(*row.hash));
      uint64_t value = 0;
      std::memcpy(&value, page.data() + at % 4096, sizeof(value));
      values.push_back(value);
    }
    return {};
  }));
  return values;
}

}  // namespace

TEST_CASE_METHOD(ServedRequests, "memory is on the tape as it was before the ops of its freeze wrote") {
  memory(GENERATE(schema::MemoryMode::TOUCHED, schema::MemoryMode::SCHED, schema::MemoryMode::FULL));
  hello();
  write_vtime(1, 1000);
  write_vtime(2, 2000);
  read_vtime(3);
  done();
  ended();
  CHECK(run().outcome == Outcome::COMPLETED);
  CHECK(replied_values() == std::vector<uint64_t>{1000, 2000, 2000});
  CHECK(values_in_pages(tape()) == std::vector<uint64_t>{0, 1000, 2000});
  CHECK(must(verify(tape(), std::nullopt)).integrity == Integrity::kIntact);
}

TEST_CASE_METHOD(ServedRequests, "without memory a freeze keeps no page") {
  memory(schema::MemoryMode::NONE);
  hello();
  write_vtime(1, 1000);
  done();
  ended();
  (void)run();
  CHECK(values_in_pages(tape()).empty());
  CHECK(must(verify(tape(), std::nullopt)).integrity == Integrity::kIntact);
}

TEST_CASE_METHOD(ServedRequests, "the memory of a machine that does not resume is on the tape") {
  memory(schema::MemoryMode::TOUCHED);
  machine().fail_next_thaw(Error{ErrorCode::kMachineLost, "QMP does not answer", ""});
  hello();
  write_vtime(1, 1000);
  CHECK(run().outcome == Outcome::MACHINE_LOST);
  CHECK(values_in_pages(tape()) == std::vector<uint64_t>{0});
}

TEST_CASE("a guest that ended itself while the host froze it is not a lost machine: what it said is heard") {
  ServedRequests run;
  run.hello();
  run.step_started(0, "only");
  run.machine().fail_next_thaw(Error{ErrorCode::kMachineLost, "the guest ended (guest-shutdown)", ""});
  run.read_symbol(1, "jiffies", "jiffies_64");
  run.done();
  run.ended();
  const RunEnd end = run.run();
  CHECK(end.outcome == Outcome::COMPLETED);
  CHECK(end.exit_code == 0);
}

TEST_CASE("a machine that is gone without a word of the guest's is lost, with the reason") {
  ServedRequests run;
  run.hello();
  run.step_started(0, "only");
  run.machine().fail_next_thaw(Error{ErrorCode::kMachineLost, "QEMU is gone", ""});
  run.read_symbol(1, "jiffies", "jiffies_64");
  const RunEnd end = run.run();
  CHECK(end.outcome == Outcome::MACHINE_LOST);
  CHECK(end.detail == "QEMU is gone");
}

namespace {

// A guest of two CPUs whose agent is pid 1, and which says nothing after its hello.
class SilentAgent : public EngineFixture {
 public:
  SilentAgent() {
    scenario("(name = \"t\", bootDeadlineMs = 300, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
    for (uint32_t cpu = 0; cpu < FakeKernel::kCpus; ++cpu) run_task(cpu, 124 + static_cast<int32_t>(cpu));
  }

  void run_task(uint32_t cpu, int32_t pid) {
    const GuestVirtual task = kernel.add_task(pid, "rthog", 1'000'000'000, cpu);
    kernel.set_task(task, "policy", 1);
    kernel.set_task(task, "rt_priority", 99);
    kernel.set_rq(cpu, "curr", task.value);
  }

  RunEnd run_silently() {
    knowledge(kernel.knowledge(), kernel.live_ram());
    hello();
    return run();
  }

  std::vector<std::string> frozen_for() {
    std::vector<std::string> details;
    must(must(JournalReader::open(tape()))->for_each([&](const RecordView& view) -> Result<void> {
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

TEST_CASE_METHOD(SilentAgent, "an agent that could run and does not is reported as starved, and by whom") {
  kernel.set_task(agent, "on_rq", 1);
  const RunEnd end = run_silently();
  CHECK(end.outcome == Outcome::BOOT_TIMED_OUT);
  CHECK_THAT(end.detail, ContainsSubstring("and is starved: CPU 0 runs rthog[124] (FIFO 99), "
                                           "CPU 1 runs rthog[125] (FIFO 99)"));
  CHECK_THAT(frozen_for().at(0), ContainsSubstring("is starved"));
}

TEST_CASE_METHOD(SilentAgent,
                 "an agent that sleeps is not starved, and what runs is in the freeze all the same") {
  const RunEnd end = run_silently();
  CHECK(end.outcome == Outcome::BOOT_TIMED_OUT);
  CHECK(end.detail ==
        "300 ms passed while attaching the scheduler and starting workers; 'bootDeadlineMs' in the scenario "
        "allows more");
  CHECK(frozen_for() == std::vector<std::string>{""});
}

}  // namespace ktape::test
