// SPDX-License-Identifier: Apache-2.0
#include "capture/record/run_delays.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "schema/tape/reading/reader.h"
#include "schema/wire/data.h"
#include "tests/capture/run/engine_fixture.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

ThreadTimes times(int32_t thread, uint64_t ran_ns, uint64_t waited_ns) {
  return {true, thread, ran_ns, waited_ns, 1};
}

// A guest; the test plays its host and clock.
class HostFixture : public EngineFixture {
 public:
  HostFixture() : kernel_(FakeKernelShape{.clock = true}) {
    kernel_.put(kernel_.symbol("watchdog_enabled"), 2, 8);
    kernel_.put(kernel_.symbol("watchdog_thresh"), 10, 4);
    kernel_.put(kernel_.symbol("rcu_cpu_stall_timeout"), 21, 4);
    kernel_.set_clocksource("kvm-clock");
    knowledge(kernel_.knowledge(), kernel_.live_ram());
  }

  void waited(uint64_t first_ns, uint64_t second_ns) {
    machine().set_host_times(
        {{times(11, 100, first_ns), times(12, 200, second_ns)}, times(10, 5, 5), times(9, 6, 6)});
  }

  void read(const std::function<void(schema::Record::Reader)>& visit) {
    must(must(TapeReader::open(tape()))->for_each([&](const RecordView& view) -> Result<void> {
      visit(view.record);
      return {};
    }));
  }
  // "freeze 1: 5 7", for each record of run delays; "?" is not known.
  std::vector<std::string> delays() {
    std::vector<std::string> all;
    read([&](schema::Record::Reader record) {
      if (!record.isRunDelays()) return;
      std::string text = record.getRunDelays().getFreeze() == 0
                             ? "running:"
                             : "freeze " + std::to_string(record.getRunDelays().getFreeze()) + ":";
      for (auto vcpu : record.getRunDelays().getVcpus())
        text += " " + (vcpu.getKnown() ? std::to_string(vcpu.getWaitedNs()) : "?");
      all.push_back(text);
    });
    return all;
  }
  // "kvm-clock", "tsc after kvm-clock in freeze 1"
  std::vector<std::string> clocks() {
    std::vector<std::string> all;
    read([&](schema::Record::Reader record) {
      if (!record.isClocksourceSeen()) return;
      auto seen = record.getClocksourceSeen();
      std::string text(as_text(seen.getName()));
      if (seen.getBefore().size() > 0) text += " after " + std::string(as_text(seen.getBefore()));
      if (seen.getFreeze() > 0) text += " in freeze " + std::to_string(seen.getFreeze());
      all.push_back(text);
    });
    return all;
  }
  void step_finished(uint32_t step) {
    agent_says(
        [&](schema::FromAgent::Builder message) { message.initStepFinished().setStep(step); });
  }
  [[nodiscard]] bool was_reported(const std::string& part) const {
    return std::ranges::any_of(
        progress.lines, [&](const std::string& line) { return line.find(part) != line.npos; });
  }

  FakeKernel kernel_;
};

}  // namespace

TEST_CASE_METHOD(HostFixture,
                 "run delays are on the tape from adoption to the end, at steps and in freezes") {
  waited(1, 2);
  on_scenario = [this] { waited(3, 4); };
  hello();
  step_started(0, "only");
  read_symbol(1, "jiffies", "jiffies_64");
  on_reply = [this](const HeardReply&) { waited(5, 6); };
  step_finished(0);
  done();
  ended();
  (void)run();
  const auto seen = delays();
  REQUIRE(seen.size() >= 4);
  CHECK(seen[0] == "running: 1 2");  // as the run begins
  CHECK(seen[1] == "running: 1 2");  // as the kernel is adopted
  CHECK(seen[2] == "running: 3 4");
  CHECK(std::ranges::count(seen, "freeze 1: 3 4") == 1);
  CHECK(seen.back() == "running: 5 6");
  read([](schema::Record::Reader record) {
    if (!record.isRunDelays()) return;
    const auto vcpu = record.getRunDelays().getVcpus()[1];
    CHECK(vcpu.getVcpu() == 1);
    CHECK(vcpu.getThread() == 12);
    CHECK(vcpu.getRanNs() == 200);
    CHECK(vcpu.getTimeslices() == 1);
  });
}

TEST_CASE_METHOD(HostFixture,
                 "a boot that times out has its first run delays and its last, which show whether "
                 "the host slowed it") {
  waited(1, 2);
  scenario(
      "(name = \"t\", bootDeadlineMs = 50, steps = [(name = \"only\", actions = [(sleepMs = "
      "1)])])");
  CHECK(run().outcome == schema::Outcome::BOOT_TIMED_OUT);
  CHECK(delays() == std::vector<std::string>{"running: 1 2", "running: 1 2"});
}

TEST_CASE_METHOD(HostFixture, "a run that is cut off has its last run delays too") {
  waited(1, 2);
  scenario(
      "(name = \"t\", watchdogMs = 50, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  hello();
  step_started(0, "only");
  CHECK(run().outcome == schema::Outcome::RUN_TIMED_OUT);
  CHECK(delays().back() == "running: 1 2");
  CHECK(kinds().back() == schema::Record::SEALED);
  CHECK(kinds()[kinds().size() - 2] == schema::Record::RUN_DELAYS);
}

TEST_CASE_METHOD(
    HostFixture,
    "a vCPU that the host does not report is not known; a host that reports none is silent") {
  machine().set_host_times({{times(11, 100, 7), ThreadTimes{}}, {}, {}});
  hello();
  done();
  ended();
  (void)run();
  CHECK(
      std::ranges::all_of(delays(), [](const std::string& one) { return one == "running: 7 ?"; }));
  CHECK_FALSE(delays().empty());
}

TEST_CASE_METHOD(HostFixture, "a machine without threads has no run delays on its tape") {
  hello();
  read_symbol(1, "jiffies", "jiffies_64");
  done();
  ended();
  (void)run();
  CHECK(delays().empty());
  read([](schema::Record::Reader record) {
    if (record.isThawed()) CHECK_FALSE(record.getThawed().getWaitedKnown());
  });
}

TEST_CASE_METHOD(HostFixture,
                 "the waits of ktape and the emulator in a freeze are recorded with its end") {
  waited(1, 2);
  machine().on_thaw([this] {
    machine().set_host_times(
        {{times(11, 100, 1), times(12, 200, 2)}, times(10, 5, 35), times(9, 6, 18)});
  });
  hello();
  read_symbol(1, "jiffies", "jiffies_64");
  done();
  ended();
  (void)run();
  size_t thaws = 0;
  read([&](schema::Record::Reader record) {
    if (!record.isThawed()) return;
    ++thaws;
    CHECK(record.getThawed().getWaitedKnown());
    CHECK(record.getThawed().getWaitedNs() == 42);
  });
  CHECK(thaws == 1);
}

TEST_CASE("a wait that is unknown at one end of a span is unknown for the span") {
  const HostTimes none, some{{}, times(1, 2, 3), times(4, 5, 6)},
      later{{}, times(1, 9, 30), times(4, 9, 60)};
  CHECK(waited_between(some, later) == 81u);
  CHECK_FALSE(waited_between(none, later));
  CHECK_FALSE(waited_between(some, none));
  CHECK_FALSE(waited_between(later, some));  // it went back
}

TEST_CASE_METHOD(
    HostFixture,
    "the guest's clocksource is on the tape once, and again where a freeze finds another") {
  hello();
  read_symbol(1, "jiffies", "jiffies_64");
  read_symbol(2, "jiffies", "jiffies_64");
  read_symbol(3, "jiffies", "jiffies_64");
  on_reply = [this](const HeardReply& reply) {
    if (reply.request == 1) kernel_.set_clocksource("tsc");
  };
  done();
  ended();
  (void)run();
  CHECK(clocks() == std::vector<std::string>{"kvm-clock", "tsc after kvm-clock in freeze 2"});
  CHECK(losses().empty());
}

TEST_CASE_METHOD(HostFixture,
                 "a clocksource that changed after the last freeze is found at the end") {
  hello();
  read_symbol(1, "jiffies", "jiffies_64");
  on_reply = [this](const HeardReply&) { kernel_.set_clocksource("hpet"); };
  done();
  ended();
  (void)run();
  CHECK(clocks() == std::vector<std::string>{"kvm-clock", "hpet after kvm-clock"});
}

TEST_CASE_METHOD(HostFixture, "a clocksource that cannot be read is counted as lost") {
  hello();
  read_symbol(1, "jiffies", "jiffies_64");
  on_reply = [this](const HeardReply&) {
    kernel_.put(kernel_.symbol("curr_clocksource"), 0x1234, 8);
  };
  done();
  ended();
  (void)run();
  CHECK(clocks() == std::vector<std::string>{"kvm-clock"});
  CHECK(losses() == std::map<std::string, uint64_t>{{"clocksources", 1}});
}

TEST_CASE_METHOD(HostFixture, "the thresholds of the guest's lockup watchdogs are on the tape") {
  hello();
  done();
  ended();
  (void)run();
  read([](schema::Record::Reader record) {
    if (!record.isKernelIdentified()) return;
    CHECK(record.getKernelIdentified().getSoftLockupMs() == 20'000);
    CHECK(record.getKernelIdentified().getRcuStallMs() == 21'000);
  });
}

TEST_CASE_METHOD(HostFixture,
                 "intervals under KVM that hide lockups cause a warning, others do not") {
  const auto warned = [this](Accelerator accelerator, int every_ms) {
    machine().mutable_facts().accelerator_used = accelerator;
    freezes.every = std::chrono::milliseconds(every_ms);
    hello();
    done();
    ended();
    (void)run();
    return was_reported("resets the guest's lockup detectors");
  };
  SECTION("shorter than the thresholds") {
    CHECK(warned(Accelerator::kKvm, 2000));
    CHECK(was_reported(
        "with a freeze every 2000 ms the kernel will not report a soft lockup (reported "
        "after 20 s) or an RCU stall (21 s)"));
  }
  SECTION("shorter than one of them") {
    CHECK(warned(Accelerator::kKvm, 20'000));
    CHECK(was_reported("the kernel will not report an RCU stall (reported after 21 s)"));
  }
  SECTION("longer") { CHECK_FALSE(warned(Accelerator::kKvm, 21'000)); }
  SECTION("none") { CHECK_FALSE(warned(Accelerator::kKvm, 0)); }
  SECTION("under TCG, where the guest does not notice") {
    CHECK_FALSE(warned(Accelerator::kTcg, 2000));
  }
}

}  // namespace ktape::test
