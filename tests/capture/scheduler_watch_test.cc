// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "schema/journal/reader.h"
#include "schema/wire/data.h"
#include "tests/capture/engine_fixture.h"
#include "tests/support/fake_scheduler.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

struct Told {
  std::vector<std::string> lines;  // "attached 1 first", "exited 1 1026 reason message"
  uint64_t lost = 0;
  std::vector<std::string> losses;  // their names
};

// A run with an external scheduler on a kernel in memory.
class Watched : public EngineFixture {
 public:
  Watched() {
    scenario(
        "(name = \"t\", scheduler = (external = (program = \"x\")), "
        "steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  }

  void state(const std::string& text, const std::string& name, bool ended = false) {
    agent_says([&](schema::FromAgent::Builder message) {
      auto state = message.initSchedulerState();
      state.setState(as_data(text));
      if (!name.empty()) state.initNames(1).set(0, as_data(name));
      state.setEnded(ended);
    });
  }

  // The machine has the kernel as it stands now.
  void boot() { knowledge(kernel.knowledge(), kernel.ram()); }

  Told told() {
    Told told;
    must(must(JournalReader::open(tape()))->for_each([&](const RecordView& view) -> Result<void> {
      if (view.record.isSchedulerAttached()) {
        auto attached = view.record.getSchedulerAttached();
        told.lines.push_back("attached " + std::to_string(attached.getId()) + " " +
                             std::string(as_text(attached.getName())) +
                             (attached.getParent() ? " of " + std::to_string(attached.getParent()) : ""));
      } else if (view.record.isSchedulerExited()) {
        auto exited = view.record.getSchedulerExited();
        told.lines.push_back("exited " + std::to_string(exited.getId()) + " " +
                             std::to_string(exited.getKind()) + " " +
                             std::string(as_text(exited.getReason())));
      } else if (view.record.isSealed()) {
        for (auto loss : view.record.getSealed().getLosses()) {
          told.lost += loss.getCount();
          told.losses.emplace_back(loss.getName().cStr());
        }
      }
      return {};
    }));
    return told;
  }

  FakeKernel kernel;
  FakeScheduler first{kernel, "first"};
};

}  // namespace

TEST_CASE_METHOD(Watched, "an attached scheduler is read from memory when sysfs says that one is enabled") {
  FakeScheduler second(kernel, "second");
  first.become_root();
  second.become_child_of(first, "/work");
  boot();
  hello();
  state("enabling", "");
  state("enabled", "first");
  done();
  ended();
  (void)run();
  CHECK(told().lines == std::vector<std::string>{"attached 1 first", "attached 2 second of 1"});
}

TEST_CASE_METHOD(Watched,
                 "a scheduler that is about to be freed gives its exit, also one that was never seen") {
  first.set_exit(64, "unregistered from user space", "", "");
  boot();
  VcpuRegisters registers;
  registers.rip = kernel.symbol("scx_sched_free_rcu_work").value;
  registers.rdi = kernel.field(first.address(), "struct scx_sched", "rcu_work.work").value;
  on_scenario = [&] { machine().set_registers({registers}); };
  hello();
  machine().push({MachineEventKind::kBreakpoint, {}, ""});
  state("disabled", "", true);
  done();
  ended();
  (void)run();
  CHECK(told().lines ==
        std::vector<std::string>{"attached 1 first", "exited 1 64 unregistered from user space"});
  CHECK(told().lost == 0);
  CHECK(machine().breakpoints().contains(registers.rip));
  CHECK(settled == 1);
}

TEST_CASE_METHOD(Watched, "the agent is let go only once the exits of what it attached are on the tape") {
  first.become_root();
  boot();
  hello();
  state("enabled", "first");
  state("disabled", "", true);
  done();
  ended();
  (void)run();
  CHECK(told().lines == std::vector<std::string>{"attached 1 first"});
  CHECK(settled == 0);
}

TEST_CASE_METHOD(Watched,
                 "an exit for which there was no breakpoint is lost, on the tape, and holds nobody up") {
  first.become_root();
  boot();
  machine().fail_next_breakpoint(Error{ErrorCode::kOutOfRange, "every breakpoint is in use", ""});
  hello();
  state("enabled", "first");
  state("disabled", "", true);
  done();
  ended();
  (void)run();
  CHECK(settled == 1);
  CHECK(told().losses == std::vector<std::string>{"scheduler_exit_watch", "scheduler_exits"});
}

TEST_CASE_METHOD(Watched, "a scheduler that outlives its program, pinned, does not hold the agent up") {
  first.become_root();
  boot();
  hello();
  state("enabled", "first", true);
  done();
  ended();
  (void)run();
  CHECK(settled == 1);
  CHECK(told().lost == 1);
}

TEST_CASE_METHOD(Watched,
                 "where memory cannot be read, the name that the guest says is kept, and the loss counted") {
  hello();  // the fixture's own kernel is in no memory
  state("enabled", "told");
  state("disabled", "", true);
  done();
  ended();
  (void)run();
  CHECK(told().lines == std::vector<std::string>{"attached 1 told"});
  CHECK(told().lost > 0);
  CHECK(settled == 1);
}

}  // namespace ktape::test
