// SPDX-License-Identifier: Apache-2.0
#include "capture/host_freezes.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "schema/base/file.h"
#include "schema/journal/reader.h"
#include "schema/wire/data.h"
#include "tests/capture/engine_fixture.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

using schema::FreezeCause;

constexpr int32_t kPid = 70;
constexpr int32_t kOther = 71;  // a task that is no worker
constexpr uint64_t kStartNs = 5'000'000'000;
constexpr uint64_t kErrorStall = 1026;
constexpr uint64_t kUnregistered = 64;

struct SeenFreeze {
  FreezeCause cause = FreezeCause::NOT_SAID;
  uint64_t op = 0;
  std::string trigger;
  int32_t vcpu = -1;
  std::string detail;
  std::vector<std::string> hits;  // "VCPU TRIGGER"
  uint64_t interval = 0;
};

// A guest whose kernel holds a scheduler that exits, and a worker of its.
class HostFreezesFixture : public EngineFixture {
 public:
  HostFreezesFixture() {
    const GuestVirtual info = kernel_.allocate(64);
    const GuestVirtual reason = kernel_.allocate(32);
    put_text(reason, "stall");
    kernel_.set(info, "struct scx_exit_info", "reason", reason.value);
    message_ = kernel_.allocate(64);
    says("w[70] failed to run for 3.024s");
    kernel_.set(info, "struct scx_exit_info", "msg", message_.value);
    info_ = info;
    scheduler_ = kernel_.allocate(128);
    kernel_.set(scheduler_, "struct scx_sched", "exit_info", info.value);
    worker_ = kernel_.add_task(kPid, "w", kStartNs);
    other_ = kernel_.add_task(kOther, "k]2", kStartNs + 17);
    scx_error_ = {"scx-error", "scx_error_irq_workfn", 2, true};
  }

  // The message of the exit.
  void says(std::string_view message) { put_text(message_, std::string(message) + '\0'); }
  // The worker, or the other task, waits in a DSQ.
  void queue(GuestVirtual task) { kernel_.set_task(task, "scx.dsq", kernel_.allocate(64).value); }
  // The kernel as it is now goes into the machine.
  void load(uint64_t exit_kind = 0) {
    kernel_.set(info_, "struct scx_exit_info", "kind", exit_kind);
    knowledge(kernel_.knowledge(), kernel_.ram());
  }
  void worker() {
    agent_says([](schema::FromAgent::Builder message) {
      auto worker = message.initWorkerStarted();
      worker.setName("w");
      worker.setPid(kPid);
      worker.setStartBoottimeNs(kStartNs);
    });
  }
  // CPU 1 stands at a function, called with the scheduler's irq_work.
  void stands_at(const std::string& function) { stand_at({"", function}); }
  // Each CPU does so, at its own function; empty: elsewhere.
  void stand_at(const std::vector<std::string>& functions) {
    std::vector<VcpuRegisters> registers(functions.size());
    for (size_t i = 0; i < functions.size(); ++i) {
      if (functions[i].empty()) continue;
      registers[i].rip = kernel_.symbol(functions[i]).value;
      registers[i].rdi = kernel_.field(scheduler_, "struct scx_sched", "error_irq_work").value;
    }
    machine().set_registers(registers);
  }
  // The same, but CPU 1 has met a fault there and is back: RFLAGS.RF is set.
  void is_back_at(const std::string& function) {
    std::vector<VcpuRegisters> registers(2);
    registers[1].rip = kernel_.symbol(function).value;
    registers[1].rflags = 0x10293;
    machine().set_registers(registers);
  }
  void attached() {
    agent_says([](schema::FromAgent::Builder message) { message.initSchedulerAttached().setId(1); });
  }
  void breakpoint() { machine().push({MachineEventKind::kBreakpoint, {}, ""}); }
  void finish() {
    done();
    ended();
    CHECK(run().outcome == schema::Outcome::COMPLETED);
  }

  std::vector<SeenFreeze> freezes_seen() const {
    std::vector<SeenFreeze> all;
    read([&](schema::Record::Reader record) {
      if (!record.isFreezeBegan()) return;
      auto freeze = record.getFreezeBegan();
      SeenFreeze& seen = all.emplace_back();
      seen.cause = freeze.getCause();
      seen.op = freeze.getOp();
      seen.trigger = freeze.getTrigger().cStr();
      seen.vcpu = freeze.getVcpu();
      seen.detail = as_text(freeze.getDetail());
      seen.interval = freeze.getInterval();
      for (auto hit : freeze.getHits())
        seen.hits.push_back(std::to_string(hit.getVcpu()) + " " + hit.getTrigger().cStr());
    });
    return all;
  }
  // Tags of the entries that the host asked for by itself.
  std::vector<std::string> tags_asked() const {
    std::vector<std::string> asked;
    read([&](schema::Record::Reader record) {
      if (!record.isOpRequested()) return;
      for (auto entry : record.getOpRequested().getEntries()) asked.push_back(entry.getTag().cStr());
    });
    return asked;
  }
  // Those of them that were done.
  std::vector<std::string> tags_read() const {
    std::vector<std::string> asked, found;
    read([&](schema::Record::Reader record) {
      if (record.isOpRequested()) {
        CHECK(record.getOpRequested().getGuestRequest() == 0);
        for (auto entry : record.getOpRequested().getEntries()) asked.push_back(entry.getTag().cStr());
      }
      if (!record.isOpReplied()) return;
      auto entries = record.getOpReplied().getEntries();
      for (unsigned i = 0; i < entries.size(); ++i) {
        if (entries[i].getStatus() == schema::EntryStatus::DONE) found.push_back(asked.at(i));
      }
    });
    return found;
  }
  // What the tape says of triggers, among the records that mark when: "symbol:x armed", "step 0".
  std::vector<std::string> changes() const {
    std::vector<std::string> all;
    const std::vector<std::string> names = {"not said", "armed", "not armed", "spent", "given up"};
    read([&](schema::Record::Reader record) {
      if (record.isTriggerChanged()) {
        auto change = record.getTriggerChanged();
        all.push_back(change.getTrigger().cStr() + (" " + names.at(static_cast<size_t>(change.getChange()))));
      }
      if (record.isStepStarted()) all.push_back("step " + std::to_string(record.getStepStarted().getStep()));
      if (record.isSchedulerAttached()) all.emplace_back("attached");
      if (record.isFreezeBegan())
        all.push_back("freeze " + std::to_string(record.getFreezeBegan().getFreeze()));
    });
    return all;
  }
  // What the seal says of hits: "NAME HITS in FREEZES".
  std::vector<std::string> hits_sealed() const {
    std::vector<std::string> all;
    read([&](schema::Record::Reader record) {
      if (!record.isSealed()) return;
      for (auto trigger : record.getSealed().getTriggers())
        all.push_back(trigger.getName().cStr() + (" " + std::to_string(trigger.getHits())) + " in " +
                      std::to_string(trigger.getFreezes()));
    });
    return all;
  }
  // What the seal says of each trigger: "NAME armed FREEZES".
  std::vector<std::string> triggers_sealed() const {
    std::vector<std::string> all;
    read([&](schema::Record::Reader record) {
      if (!record.isSealed()) return;
      for (auto trigger : record.getSealed().getTriggers())
        all.push_back(trigger.getName().cStr() + std::string(trigger.getArmed() ? " armed " : " not armed ") +
                      std::to_string(trigger.getFreezes()));
    });
    return all;
  }
  [[nodiscard]] uint64_t address(const std::string& function) const { return kernel_.symbol(function).value; }

  FreezeTrigger scx_error_;
  GuestVirtual worker_, other_;

  void read(const std::function<void(schema::Record::Reader)>& visit) const {
    must(must(JournalReader::open(tape()))->for_each([&](const RecordView& view) -> Result<void> {
      visit(view.record);
      return {};
    }));
  }

 private:
  void put_text(GuestVirtual at, std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) kernel_.put(at + i, static_cast<uint8_t>(text[i]), 1);
  }
  FakeKernel kernel_;
  GuestVirtual info_, message_, scheduler_;
};

}  // namespace

TEST_CASE_METHOD(HostFreezesFixture,
                 "an exit with an error freezes, with what the kernel says and where the workers stand") {
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  worker();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  const auto seen = freezes_seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].cause == FreezeCause::TRIGGER);
  CHECK(seen[0].trigger == "scx-error");
  CHECK(seen[0].vcpu == 1);
  CHECK(seen[0].op == 1);
  CHECK(seen[0].detail == "SCX_EXIT_ERROR_STALL (1026): stall: w[70] failed to run for 3.024s");
  const auto tags = tags_read();
  for (const char* tag : {"jiffies_64", "scx_exit_info.kind", "w.__state", "w.on_rq"}) {
    INFO(tag);
    CHECK(std::count(tags.begin(), tags.end(), tag) == 1);
  }
  CHECK(replies.empty());  // the guest hears nothing of it
  CHECK_FALSE(machine().frozen());
  // It may err again.
  CHECK(machine().breakpoints() == std::set<uint64_t>{address("scx_error_irq_workfn")});
}

TEST_CASE_METHOD(HostFreezesFixture, "a worker in no DSQ is not asked for the id of one, and no read fails") {
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  worker();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  CHECK(tags_asked() == tags_read());
  CHECK(std::ranges::count(tags_read(), "w.scx.dsq") == 1);
  CHECK(std::ranges::count(tags_asked(), "w.scx.dsq->id") == 0);
}

TEST_CASE_METHOD(HostFreezesFixture, "a worker in a DSQ is asked for its id") {
  queue(worker_);
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  worker();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  CHECK(std::ranges::count(tags_read(), "w.scx.dsq->id") == 1);
}

TEST_CASE_METHOD(HostFreezesFixture, "the task that a stall names is read as well when it is no worker") {
  says("k]2[71] failed to run for 3.024s");
  queue(other_);
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  worker();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  const auto tags = tags_read();
  for (const char* tag : {"w.on_rq", "k]2[71].on_rq", "k]2[71].scx.dsq->id"}) {
    INFO(tag);
    CHECK(std::ranges::count(tags, tag) == 1);
  }
}

TEST_CASE_METHOD(HostFreezesFixture,
                 "a stall of a task that is not there, or of a worker, is no more to read") {
  says(GENERATE("k]2[72] failed to run for 3.024s", "w[70] failed to run for 3.024s"));
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  worker();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  CHECK(std::ranges::count(tags_asked(), "w.on_rq") == 1);
  CHECK(std::ranges::count_if(tags_asked(), [](const std::string& tag) { return tag.ends_with(".on_rq"); }) ==
        1);
}

TEST_CASE_METHOD(HostFreezesFixture, "a scheduler that is unregistered is not frozen on") {
  load(kUnregistered);
  freezes.triggers = {scx_error_};
  hello();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  CHECK(freezes_seen().empty());
  CHECK_FALSE(machine().frozen());
}

TEST_CASE_METHOD(HostFreezesFixture, "a stop at which no CPU stands at a breakpoint any more is let go") {
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  breakpoint();
  finish();
  CHECK(freezes_seen().empty());
  CHECK_FALSE(machine().frozen());
}

TEST_CASE_METHOD(HostFreezesFixture, "a trigger fires as often as it may, and its breakpoint is gone then") {
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  stands_at("scx_error_irq_workfn");
  for (int i = 0; i < 3; ++i) breakpoint();
  finish();
  CHECK(freezes_seen().size() == 2);
  CHECK(machine().breakpoints().empty());
  CHECK(triggers_sealed() == std::vector<std::string>{"scx-error armed 2"});
}

TEST_CASE_METHOD(HostFreezesFixture, "a function that is entered freezes under its name") {
  load();
  freezes.triggers = {{"symbol:jiffies_64", "jiffies_64", 1, false}};
  hello();
  stands_at("jiffies_64");
  breakpoint();
  finish();
  const auto seen = freezes_seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].trigger == "symbol:jiffies_64");
  CHECK(seen[0].detail.empty());
  CHECK(machine().breakpoints().empty());
}

TEST_CASE_METHOD(HostFreezesFixture, "a run whose trigger cannot be set up goes on, and its tape says so") {
  load();
  freezes.triggers = {scx_error_};
  machine().fail_next_breakpoint(Error{ErrorCode::kHost, "no breakpoint", ""});
  hello();
  finish();
  std::vector<std::string> losses;
  read([&](schema::Record::Reader record) {
    if (!record.isSealed()) return;
    for (auto loss : record.getSealed().getLosses()) losses.push_back(loss.getName().cStr());
  });
  CHECK(losses == std::vector<std::string>{"freeze_triggers"});
  CHECK(triggers_sealed() == std::vector<std::string>{"scx-error not armed 0"});
}

TEST_CASE_METHOD(HostFreezesFixture, "one trigger that cannot be set up leaves the others armed") {
  load();
  freezes.triggers = {scx_error_, {"symbol:jiffies_64", "jiffies_64", 3, false}};
  machine().fail_next_breakpoint(Error{ErrorCode::kHost, "no breakpoint", ""});
  hello();
  stands_at("jiffies_64");
  breakpoint();
  finish();
  CHECK(freezes_seen().size() == 1);
  CHECK(triggers_sealed() == std::vector<std::string>{"scx-error not armed 0", "symbol:jiffies_64 armed 1"});
}

TEST_CASE_METHOD(HostFreezesFixture,
                 "a trigger that had nothing to freeze for is sealed as one without freezes") {
  load(kUnregistered);
  freezes.triggers = {scx_error_};
  hello();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  CHECK(triggers_sealed() == std::vector<std::string>{"scx-error armed 0"});
}

TEST_CASE_METHOD(HostFreezesFixture, "of a kernel that is never known no trigger is armed") {
  freezes.triggers = {scx_error_};
  hello();  // the fixture's own kernel is in no memory
  finish();
  CHECK(triggers_sealed() == std::vector<std::string>{"scx-error not armed 0"});
}

// Of 36 second hits 34 were lost under KVM: a freeze told of the first vCPU, and the thaw stepped all of
// them.
TEST_CASE_METHOD(HostFreezesFixture,
                 "every CPU that stands at a function is a hit of the one freeze, and is let past once") {
  load();
  freezes.triggers = {{"symbol:jiffies_64", "jiffies_64", 10, false}};
  hello();
  stand_at({"jiffies_64", "", "jiffies_64", "jiffies_64"});
  breakpoint();
  finish();
  const auto seen = freezes_seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].trigger == "symbol:jiffies_64");
  CHECK(seen[0].vcpu == 0);
  CHECK(seen[0].hits ==
        std::vector<std::string>{"0 symbol:jiffies_64", "2 symbol:jiffies_64", "3 symbol:jiffies_64"});
  CHECK(machine().let_past() == std::vector<uint32_t>{0, 2, 3});
  CHECK(hits_sealed() == std::vector<std::string>{"symbol:jiffies_64 3 in 1"});
  CHECK(std::ranges::count(progress.lines,
                           "frozen by symbol:jiffies_64 on CPU 0; symbol:jiffies_64 on CPU 2; "
                           "symbol:jiffies_64 on CPU 3") == 1);
}

TEST_CASE_METHOD(HostFreezesFixture, "how often a trigger may freeze is counted in hits, not in freezes") {
  load();
  freezes.triggers = {{"symbol:jiffies_64", "jiffies_64", 5, false}};
  hello();
  stand_at({"jiffies_64", "jiffies_64", "jiffies_64"});
  for (int i = 0; i < 3; ++i) breakpoint();
  finish();
  const auto seen = freezes_seen();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].hits.size() == 3);
  CHECK(seen[1].hits == std::vector<std::string>{"0 symbol:jiffies_64", "1 symbol:jiffies_64"});
  CHECK(hits_sealed() == std::vector<std::string>{"symbol:jiffies_64 5 in 2"});
  CHECK(machine().breakpoints().empty());
  CHECK(changes() == std::vector<std::string>{"symbol:jiffies_64 armed", "freeze 1", "freeze 2",
                                              "symbol:jiffies_64 spent"});
}

// Seen under TCG: of 53 hits of do_sched_yield one was told twice, with the same stack and RF set.
TEST_CASE_METHOD(HostFreezesFixture,
                 "a CPU that met a fault at a function's first instruction and is back is no second hit") {
  load();
  freezes.triggers = {{"symbol:jiffies_64", "jiffies_64", 5, false}};
  hello();
  is_back_at("jiffies_64");
  breakpoint();
  finish();
  CHECK(freezes_seen().empty());
  CHECK(machine().let_past() == std::vector<uint32_t>{1});
  CHECK(hits_sealed() == std::vector<std::string>{"symbol:jiffies_64 0 in 0"});
}

TEST_CASE_METHOD(HostFreezesFixture, "CPUs that stand at different functions are hits of one freeze") {
  load(kErrorStall);
  freezes.triggers = {scx_error_, {"symbol:jiffies_64", "jiffies_64", 3, false}};
  hello();
  stand_at({"jiffies_64", "scx_error_irq_workfn"});
  breakpoint();
  finish();
  const auto seen = freezes_seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].hits == std::vector<std::string>{"0 symbol:jiffies_64", "1 scx-error"});
  CHECK(hits_sealed() == std::vector<std::string>{"scx-error 1 in 1", "symbol:jiffies_64 1 in 1"});
  CHECK(std::ranges::count(tags_read(), "scx_exit_info.kind") == 1);
}

TEST_CASE_METHOD(HostFreezesFixture,
                 "an exit without an error is no hit of a freeze that another CPU causes") {
  load(kUnregistered);
  freezes.triggers = {scx_error_, {"symbol:jiffies_64", "jiffies_64", 3, false}};
  hello();
  stand_at({"jiffies_64", "scx_error_irq_workfn"});
  breakpoint();
  finish();
  REQUIRE(freezes_seen().size() == 1);
  CHECK(freezes_seen()[0].hits == std::vector<std::string>{"0 symbol:jiffies_64"});
  CHECK(machine().let_past() == std::vector<uint32_t>{0, 1});
}

TEST_CASE_METHOD(HostFreezesFixture, "two triggers at one function share a breakpoint until both are spent") {
  load(kErrorStall);
  freezes.triggers = {scx_error_, {"symbol:scx_error_irq_workfn", "scx_error_irq_workfn", 1, false}};
  hello();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  breakpoint();
  finish();
  const auto seen = freezes_seen();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].hits == std::vector<std::string>{"1 scx-error", "1 symbol:scx_error_irq_workfn"});
  CHECK(seen[1].hits == std::vector<std::string>{"1 scx-error"});
  CHECK(machine().breakpoints().empty());
}

TEST_CASE_METHOD(HostFreezesFixture,
                 "a freeze for a request lets no CPU past a breakpoint, which is hit later") {
  load();
  freezes.triggers = {{"symbol:jiffies_64", "jiffies_64", 3, false}};
  hello();
  stands_at("jiffies_64");
  read_symbol(1, "j", "jiffies_64");
  finish();
  CHECK(freezes_seen().size() == 1);
  CHECK(freezes_seen()[0].hits.empty());
  CHECK(machine().let_past().empty());
}

TEST_CASE_METHOD(HostFreezesFixture,
                 "a trigger is armed after the attachment, or at a step, and not before") {
  scenario(
      "(name = \"t\", steps = [(name = \"a\", actions = [(sleepMs = 1)]), (name = \"b\", actions = [(sleepMs "
      "= 1)])])");
  load();
  const auto later = [](const char* name, schema::TriggerArming arming, uint32_t step) {
    return FreezeTrigger{"symbol:" + std::string(name), name, 3, false, arming, step};
  };
  freezes.triggers = {later("jiffies_64", schema::TriggerArming::ATTACH, 0),
                      later("scx_error_irq_workfn", schema::TriggerArming::STEP, 1)};
  hello();
  stand_at({"jiffies_64", "scx_error_irq_workfn"});
  breakpoint();
  attached();
  breakpoint();
  attached();  // another one
  step_started(0, "a");
  step_started(1, "b");
  breakpoint();
  step_started(1, "b");  // a guest may say anything
  finish();
  CHECK(changes() == std::vector<std::string>{"attached", "symbol:jiffies_64 armed", "freeze 1", "attached",
                                              "step 0", "step 1", "symbol:scx_error_irq_workfn armed",
                                              "freeze 2", "step 1"});
  CHECK(freezes_seen()[0].hits.size() == 1);
  CHECK(freezes_seen()[1].hits.size() == 2);
  CHECK(ready_steps == std::vector<uint32_t>{0, 1, 1});
}

TEST_CASE_METHOD(HostFreezesFixture,
                 "a trigger whose time never comes is sealed as one that was not set up") {
  load();
  freezes.triggers = {{"symbol:jiffies_64", "jiffies_64", 3, false, schema::TriggerArming::ATTACH, 0}};
  hello();
  finish();
  CHECK(triggers_sealed() == std::vector<std::string>{"symbol:jiffies_64 not armed 0"});
  CHECK(machine().breakpoints().empty());
}

TEST_CASE_METHOD(HostFreezesFixture, "the tape has how many intervals froze, and how many did not and why") {
  scenario("(name = \"t\", watchdogMs = 60, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  load();
  freezes.every = std::chrono::milliseconds(1);
  hello();
  step_started(0, "only");
  const RunEnd end = run();
  REQUIRE(end.intervals);
  auto seen = freezes_seen();
  // The watchdog has one of its own.
  std::erase_if(seen, [](const SeenFreeze& freeze) { return freeze.cause != FreezeCause::PERIODIC; });
  uint64_t last = 0;
  for (const SeenFreeze& freeze : seen) {
    CHECK(freeze.interval > last);
    last = freeze.interval;
  }
  CHECK(end.intervals->froze == seen.size());
  CHECK(end.intervals->all() >= last);
  CHECK(end.intervals->all() >= 59);
  bool sealed = false;
  read([&](schema::Record::Reader record) {
    if (!record.isSealed()) return;
    sealed = record.getSealed().hasIntervals();
    CHECK(record.getSealed().getIntervals().getFroze() == end.intervals->froze);
    CHECK(record.getSealed().getIntervals().getSkippedBusy() == end.intervals->skipped_busy);
    CHECK(record.getSealed().getIntervals().getSkippedLate() == end.intervals->skipped_late);
  });
  CHECK(sealed);
}

TEST_CASE_METHOD(HostFreezesFixture, "neither the boot deadline nor the run watchdog counts frozen time") {
  scenario(
      "(name = \"t\", bootDeadlineMs = 200, watchdogMs = 200, "
      "steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  load();
  machine().thaw_takes(std::chrono::milliseconds(150));
  freezes.triggers = {{"symbol:jiffies_64", "jiffies_64", 9, false}};
  hello();  // 150 ms
  stands_at("jiffies_64");
  breakpoint();
  breakpoint();
  step_started(0, "only");
  breakpoint();
  breakpoint();
  finish();
  CHECK(freezes_seen().size() == 4);
}

TEST_CASE_METHOD(HostFreezesFixture, "a run without intervals has none on its tape") {
  load();
  hello();
  finish();
  read([](schema::Record::Reader record) {
    if (record.isSealed()) CHECK_FALSE(record.getSealed().hasIntervals());
  });
}

TEST_CASE_METHOD(HostFreezesFixture, "periodic freezes are made from the first step on") {
  scenario("(name = \"t\", watchdogMs = 50, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  load();
  freezes.every = std::chrono::milliseconds(1);
  hello();
  step_started(0, "only");
  CHECK(run().outcome == schema::Outcome::RUN_TIMED_OUT);
  const auto seen = freezes_seen();
  REQUIRE(seen.size() >= 2);
  for (const SeenFreeze& freeze : seen) {
    CHECK(freeze.cause == (&freeze == &seen.back() ? FreezeCause::WATCHDOG : FreezeCause::PERIODIC));
    CHECK(freeze.op == 0);
  }
}

TEST_CASE_METHOD(HostFreezesFixture, "before the first step nothing is frozen periodically") {
  scenario("(name = \"t\", bootDeadlineMs = 50, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  load();
  freezes.every = std::chrono::milliseconds(1);
  hello();
  CHECK(run().outcome == schema::Outcome::BOOT_TIMED_OUT);
  REQUIRE(freezes_seen().size() == 1);
  CHECK(freezes_seen()[0].cause == FreezeCause::WATCHDOG);
}

TEST_CASE_METHOD(HostFreezesFixture, "a user's wish freezes once") {
  UniqueFd wish(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  load();
  // The wish is looked at after an event: after the hello.
  hello();
  done();
  ended();
  CHECK(run({.end_fd = -1, .freeze_fd = wish.get()}).outcome == schema::Outcome::COMPLETED);
  const auto seen = freezes_seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].cause == FreezeCause::USER);
  CHECK(std::ranges::count(progress.lines, "frozen on demand") == 1);
}

TEST_CASE_METHOD(HostFreezesFixture, "before the kernel is known a wish is told to be in vain") {
  UniqueFd wish(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  load();
  console("booting\n");
  hello();
  done();
  ended();
  CHECK(run({.end_fd = -1, .freeze_fd = wish.get()}).outcome == schema::Outcome::COMPLETED);
  CHECK(freezes_seen().empty());
  CHECK(std::count(progress.lines.begin(), progress.lines.end(), "not frozen: the kernel is not known yet") ==
        1);
}

}  // namespace ktape::test
