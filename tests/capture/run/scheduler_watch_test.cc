// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <memory>

#include "schema/tape/reading/reader.h"
#include "schema/wire/data.h"
#include "tests/capture/run/engine_fixture.h"
#include "tests/support/kernel/fake_scheduler.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

struct Recorded {
  std::vector<std::string> attempts;  // "1 first"
  // "attached 1 first", "exited 1 1026 reason", "failed 1 1024 reason".
  std::vector<std::string> lines;
  std::vector<uint64_t> counted;  // the kernel's own count of enables
  uint64_t lost = 0;
  std::vector<std::string> losses;  // their names
};

std::string end_line(const char* how, schema::SchedulerExited::Reader exited) {
  return std::string(how) + " " + std::to_string(exited.getId()) + " " +
         std::to_string(exited.getKind()) + " " + std::string(as_text(exited.getReason()));
}

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

  // The machine has the kernel's memory, including later changes.
  void boot() { knowledge(kernel.knowledge(), kernel.live_ram()); }

  // A vCPU is at a function with this argument.
  void stop_at(const char* function, GuestVirtual argument) {
    VcpuRegisters registers;
    registers.rip = kernel.symbol(function).value;
    registers.rdi = argument.value;
    machine().set_registers({registers});
    machine().push({MachineEventKind::kBreakpoint, {}, ""});
  }
  void stop_at_free(FakeScheduler& of) {
    stop_at("scx_sched_free_rcu_work",
            kernel.field(of.address(), "struct scx_sched", "rcu_work.work"));
  }
  void stop_at_exit(FakeScheduler& of) {
    stop_at("scx_error_irq_workfn",
            kernel.field(of.address(), "struct scx_sched", "error_irq_work"));
  }
  // Actions of the guest once there is no other event; each is done once.
  void then(std::vector<std::function<void()>> todo) {
    machine().on_idle([todo = std::move(todo), next = size_t{0}]() mutable {
      if (next < todo.size()) todo[next++]();
    });
  }

  Recorded recorded() {
    Recorded recorded;
    must(must(TapeReader::open(tape()))->for_each([&](const RecordView& view) -> Result<void> {
      if (view.record.isSchedulerAttempted()) {
        auto attempted = view.record.getSchedulerAttempted();
        recorded.attempts.push_back(std::to_string(attempted.getId()) + " " +
                                    std::string(as_text(attempted.getName())));
      } else if (view.record.isSchedulerAttached()) {
        auto attached = view.record.getSchedulerAttached();
        recorded.lines.push_back(
            "attached " + std::to_string(attached.getId()) + " " +
            std::string(as_text(attached.getName())) +
            (attached.getSwitchMode() == schema::SwitchMode::PARTIAL ? " partial" : "") +
            (attached.getParent() ? " of " + std::to_string(attached.getParent()) : ""));
      } else if (view.record.isSchedulerExited()) {
        auto exited = view.record.getSchedulerExited();
        recorded.lines.push_back(end_line("exited", exited) +
                                 (exited.getUnfinished() ? " unfinished" : ""));
      } else if (view.record.isSchedulerEnableFailed()) {
        recorded.lines.push_back(end_line("failed", view.record.getSchedulerEnableFailed()));
      } else if (view.record.isSample()) {
        recorded.counted.push_back(view.record.getSample().getValue().getU64());
      } else if (view.record.isSealed()) {
        for (auto loss : view.record.getSealed().getLosses()) {
          recorded.lost += loss.getCount();
          recorded.losses.emplace_back(loss.getName().cStr());
        }
      }
      return {};
    }));
    return recorded;
  }

  FakeKernel kernel;
  FakeScheduler first{kernel, "first"};
};

}  // namespace

TEST_CASE_METHOD(Watched, "what is attached is read from memory, whatever sysfs says") {
  FakeScheduler second(kernel, "second");
  first.become_root();
  first.become_enabled();
  second.become_child_of(first, "/work");
  second.become_enabled();
  boot();
  hello();
  on_news = [&] {
    if (news.size() < 2) return;
    done();
    ended();
  };
  (void)run();
  CHECK(recorded().attempts == std::vector<std::string>{"1 first", "2 second"});
  CHECK(recorded().lines == std::vector<std::string>{"attached 1 first", "attached 2 second of 1"});
  CHECK(news == std::vector<std::string>{"first attached", "second attached"});
}

TEST_CASE_METHOD(
    Watched, "a scheduler in the kernel's lists is not attached before its enable is complete") {
  first.become_root();
  boot();
  hello();
  state("enabled", "first");
  then({[&] { done(); }, [&] { ended(); }});
  (void)run();
  CHECK(recorded().attempts == std::vector<std::string>{"1 first"});
  CHECK(recorded().lines.empty());
  CHECK(news.empty());
}

TEST_CASE_METHOD(
    Watched, "a scheduler that was ejected right after it attached has attached, and was ejected") {
  first.become_enabled();
  first.set_exit(1024, "runtime error", "invalid DSQ", "");
  boot();
  hello();
  state("disabled", "");
  then({[&] { stop_at_exit(first); }});
  on_news = [&] {
    done();
    ended();
  };
  const RunEnd end = run();
  CHECK(recorded().lines ==
        std::vector<std::string>{"attached 1 first", "exited 1 1024 runtime error"});
  CHECK(news == std::vector<std::string>{"first attached"});
  CHECK(end.outcome == schema::Outcome::COMPLETED);
  CHECK(end.ejections ==
        std::vector<std::string>{"'first' was ejected: runtime error: invalid DSQ"});
}

TEST_CASE_METHOD(
    Watched,
    "a failed enable is reported as that, with its reason, while its program keeps running") {
  first.set_exit(1024, "runtime error", "ops.init() failed (-22)", "");
  boot();
  hello();
  then({[&] { stop_at_exit(first); }});
  on_news = [&] {
    done(1);
    ended();
  };
  const RunEnd end = run();
  CHECK(recorded().attempts == std::vector<std::string>{"1 first"});
  CHECK(recorded().lines == std::vector<std::string>{"failed 1 1024 runtime error"});
  CHECK(news == std::vector<std::string>{"first failed: ops.init() failed (-22)"});
  CHECK(end.ejections.empty());
}

TEST_CASE_METHOD(
    Watched, "a scheduler that had tasks when its enable failed was ejected, and the run goes on") {
  first.become_root();
  first.begin_exit(1025, "scx_bpf_error", "test triggering error");
  kernel.put(kernel.symbol("__scx_enabled"), 1, 4);
  boot();
  hello();
  then({[&] { stop_at_exit(first); },
        [&] {
          kernel.put(kernel.symbol("__scx_enabled"), 0, 4);
          first.set_exit(1025, "scx_bpf_error", "test triggering error", "");
          first.leave();
        }});
  on_news = [&] {
    done();
    ended();
  };
  const RunEnd end = run();
  CHECK(news == std::vector<std::string>{"first attached"});
  CHECK(recorded().lines == std::vector<std::string>{"failed 1 1025 scx_bpf_error"});
  CHECK(end.outcome == schema::Outcome::COMPLETED);
  CHECK(end.ejections ==
        std::vector<std::string>{"'first' was ejected: scx_bpf_error: test triggering error"});
}

TEST_CASE_METHOD(Watched, "schedulers beyond the limit are counted as left out") {
  constexpr size_t kMore = 6;
  first.become_root();
  std::vector<std::unique_ptr<FakeScheduler>> children;
  for (size_t i = 1; i < SchedExtReader::kMaxSchedulers + kMore; ++i) {
    children.push_back(std::make_unique<FakeScheduler>(kernel, "child"));
    children.back()->become_child_of(first, "/c");
  }
  boot();
  hello();
  then({[&] { done(); }, [&] { ended(); }});
  (void)run();
  CHECK(recorded().attempts.size() == SchedExtReader::kMaxSchedulers);
  CHECK(recorded().losses == std::vector<std::string>{"schedulers_left_out"});
}

TEST_CASE_METHOD(Watched,
                 "the first of many ejections are reported, with the number of the others") {
  std::vector<std::unique_ptr<FakeScheduler>> children;
  first.become_root();
  first.become_enabled();
  for (int i = 0; i < 20; ++i) {
    children.push_back(std::make_unique<FakeScheduler>(kernel, "child"));
    children.back()->become_enabled();
    children.back()->become_child_of(first, "/c");
  }
  boot();
  hello();
  on_news = [&] {
    if (news.size() < 21) return;
    first.leave();
    for (auto& child : children) child->set_exit(1024, "runtime error", "", "");
  };
  then({[] {}, [&] { done(); }, [&] { ended(); }});
  const RunEnd end = run();
  CHECK(end.ejections.size() + end.ejections_left_out == 20);
  CHECK(end.ejections_left_out == 4);
}

TEST_CASE_METHOD(Watched,
                 "an enable that was not seen before its object is freed is reported then") {
  first.set_exit(1024, "runtime error", "ops.init() failed (-22)", "");
  boot();
  hello();
  then({[&] { stop_at_free(first); }, [&] { state("disabled", "", true); }, [&] { done(1); },
        [&] { ended(); }});
  (void)run();
  CHECK(recorded().lines == std::vector<std::string>{"failed 1 1024 runtime error"});
  CHECK(settled == 1);
}

TEST_CASE_METHOD(Watched,
                 "freed memory may be reused for another scheduler, which counts as a new one") {
  first.become_enabled();
  first.set_exit(64, "unregistered from user space", "", "");
  boot();
  hello();
  then({[&] { stop_at_free(first); }, [&] { stop_at_free(first); }, [&] { done(); },
        [&] { ended(); }});
  (void)run();
  CHECK(recorded().attempts == std::vector<std::string>{"1 first", "2 first"});
  CHECK(recorded().lines.size() == 4);
}

TEST_CASE_METHOD(
    Watched,
    "the switch mode of a scheduler follows from its flags, for sub-schedulers from the root's") {
  constexpr uint64_t kPartial = 8;
  FakeScheduler second(kernel, "second");
  first.set("ops.flags", kPartial);
  first.become_root();
  first.become_enabled();
  second.become_child_of(first, "/work");
  second.become_enabled();
  kernel.put(kernel.symbol("__scx_switched_all"), 1,
             4);  // not yet, or no longer, what this scheduler asked for
  boot();
  hello();
  on_news = [&] {
    if (news.size() < 2) return;
    done();
    ended();
  };
  (void)run();
  CHECK(recorded().lines ==
        std::vector<std::string>{"attached 1 first partial", "attached 2 second partial of 1"});
}

TEST_CASE_METHOD(
    Watched,
    "an exit that the kernel has not finished when the run ends is on the tape as unfinished") {
  first.become_root();
  first.become_enabled();
  boot();
  hello();
  on_news = [&] {
    first.begin_exit(1024, "runtime error", "soft lockup - CPU 0 stuck for 23s");
    done();
    ended();
  };
  const RunEnd end = run();
  CHECK(recorded().lines ==
        std::vector<std::string>{"attached 1 first", "exited 1 1024 runtime error unfinished"});
  CHECK(end.ejections ==
        std::vector<std::string>{
            "'first' was ejected: runtime error: soft lockup - CPU 0 stuck for 23s"});
}

TEST_CASE_METHOD(Watched, "the kernel's own count of enables is on the tape") {
  kernel.put(kernel.symbol("scx_enable_seq"), 7, 8);
  boot();
  hello();
  done();
  ended();
  (void)run();
  CHECK(recorded().counted == std::vector<uint64_t>{7});
  CHECK(done_heard == 1);
}

TEST_CASE_METHOD(
    Watched, "a scheduler that is about to be freed gives its exit, also one that was never seen") {
  first.become_enabled();
  first.set_exit(64, "unregistered from user space", "", "");
  boot();
  hello();
  then({[&] { stop_at_free(first); }, [&] { state("disabled", "", true); }, [&] { done(); },
        [&] { ended(); }});
  (void)run();
  CHECK(recorded().lines ==
        std::vector<std::string>{"attached 1 first", "exited 1 64 unregistered from user space"});
  CHECK(recorded().lost == 0);
  CHECK(machine().breakpoints().contains(kernel.symbol("scx_sched_free_rcu_work").value));
  CHECK(settled == 1);
}

TEST_CASE_METHOD(Watched,
                 "the agent may end only once the exits of its schedulers are on the tape") {
  first.become_root();
  first.become_enabled();
  boot();
  hello();
  state("enabled", "first");
  then({[&] { state("disabled", "", true); }, [&] { done(); }, [&] { ended(); }});
  (void)run();
  CHECK(recorded().lines == std::vector<std::string>{"attached 1 first"});
  CHECK(settled == 0);
}

TEST_CASE_METHOD(Watched, "an exit without a breakpoint is recorded as lost, and delays nothing") {
  first.become_root();
  first.become_enabled();
  boot();
  machine().fail_next_breakpoint(Error{ErrorCode::kOutOfRange, "all breakpoints are in use", ""});
  hello();
  state("enabled", "first");
  then({[&] { state("disabled", "", true); }, [&] { done(); }, [&] { ended(); }});
  (void)run();
  CHECK(settled == 1);
  CHECK(recorded().losses == std::vector<std::string>{"scheduler_exit_watch", "scheduler_exits"});
}

TEST_CASE_METHOD(Watched, "a pinned scheduler that outlives its program does not delay the agent") {
  first.become_root();
  first.become_enabled();
  boot();
  hello();
  state("enabled", "first", true);
  then({[&] { done(); }, [&] { ended(); }});
  (void)run();
  CHECK(settled == 1);
  CHECK(recorded().lost == 1);
}

TEST_CASE_METHOD(
    Watched, "if memory cannot be read, the name from the guest is kept, and the loss counted") {
  hello();  // the fixture's own kernel is in no memory
  state("enabled", "told");
  state("disabled", "", true);
  done();
  ended();
  (void)run();
  CHECK(recorded().lines == std::vector<std::string>{"attached 1 told"});
  CHECK(recorded().lost > 0);
  CHECK(news == std::vector<std::string>{"told attached"});
  CHECK(settled == 1);
}

TEST_CASE_METHOD(
    Watched,
    "if memory cannot be read, the guest's count reveals a scheduler that sysfs did not show") {
  hello();
  agent_says([](schema::FromAgent::Builder message) {
    auto state = message.initSchedulerState();
    state.setState(as_data("disabled"));
    state.setEnableSeq(as_data("1"));
    state.setEnded(true);
  });
  done();
  ended();
  (void)run();
  CHECK(recorded().lines == std::vector<std::string>{"attached 1 "});
  CHECK(settled == 1);
}

}  // namespace ktape::test
