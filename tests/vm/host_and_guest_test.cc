// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>
#include <string>

#include "tests/support/tape/sql.h"
#include "tests/vm/checks/capture_fixture.h"
#include "tests/vm/checks/clock_check.h"
#include "tests/vm/checks/topology_check.h"

// Compares what the host reads in a freeze with the guest kernel's own reports.
namespace ktape::test {

using schema::EntryStatus;
using schema::Gate;
using schema::Outcome;

namespace {

constexpr uint64_t kClockTickNs = 10'000'000;  // of /proc/PID/stat
constexpr int kMaxRtPrio = 100;                // include/linux/sched/prio.h
constexpr int kDefaultPrio = 120;

using Said = std::map<std::string, std::string>;

// The guest's reports about a worker, before and after the freeze.
struct Statements {
  Said before;
  Said after;
};

Statements statements(const TapeFacts& facts, const std::string& worker) {
  std::vector<Said> found;
  for (const SaidFacts& said : facts.said) {
    if (said.subject == worker) found.push_back(said.facts);
  }
  INFO("worker " << worker);
  REQUIRE(found.size() == 2);
  return {found[0], found[1]};
}

// What was read about a worker, with the two reports about it.
class WorkerCheck {
 public:
  WorkerCheck(const TapeFacts& facts, std::string worker)
      : facts_(facts), worker_(std::move(worker)), said_(statements(facts, worker_)) {}

  int64_t read(const std::string& path) const {
    const EntryFacts& entry = facts_.entries.at(worker_ + "." + path);
    INFO(worker_ << "." << path << ": " << entry.reason);
    CHECK(entry.status == EntryStatus::DONE);
    return entry.width_bytes == 4 ? static_cast<int32_t>(entry.value)
                                  : static_cast<int64_t>(entry.value);
  }

  // For a worker that sleeps or is stopped: the same before and after, so also in the freeze.
  int64_t reported(const std::string& name) const {
    INFO(worker_ << ", " << name);
    REQUIRE(said_.before.contains(name));
    CHECK(said_.before.at(name) == said_.after.at(name));
    return std::stoll(said_.before.at(name));
  }

  void check_identity() const {
    INFO(worker_);
    CHECK(read("pid") == reported("pid"));
    CHECK(static_cast<uint64_t>(read("start_boottime")) / kClockTickNs ==
          static_cast<uint64_t>(reported("starttime")));
    CHECK(read("thread_info.cpu") == reported("processor"));
  }

  void check_priority() const {
    INFO(worker_);
    CHECK(read("policy") == reported("policy"));
    CHECK(read("policy") == reported("sched.policy"));
    CHECK(read("static_prio") - kDefaultPrio == reported("nice"));
    CHECK(read("prio") - kMaxRtPrio == reported("priority"));
    CHECK(read("prio") == reported("sched.prio"));
    CHECK(read("rt_priority") == reported("rt_priority"));
    CHECK(read("se.load.weight") == reported("sched.se.load.weight"));
  }

  // By the symbol to which its sched_class points.
  void check_class(const std::string& symbol) const {
    const EntryFacts& entry = facts_.entries.at(worker_ + ".pid");
    INFO(worker_);
    CHECK(entry.observed.at(Gate::SCHED_CLASS) == "sched_class=" + symbol);
    CHECK(reported("sched.ext.enabled") == (symbol == "ext_sched_class" ? 1 : 0));
  }

  void check_vtime() const {
    INFO(worker_);
    CHECK(read("scx.dsq_vtime") > 0);
    CHECK(read("scx.dsq_vtime") == reported("schedulerVtime"));
  }

 private:
  const TapeFacts& facts_;
  std::string worker_;
  Statements said_;
};

ClockStatement clock_of(const Said& said) {
  return {std::stod(said.at("uptime")), std::stoull(said.at("jiffies"))};
}

void check_clock(const Captured& captured) {
  const TapeFacts& facts = captured.facts;
  const bool kvm =
      sql_rows(captured.tape, "SELECT accelerator FROM run") == std::vector<std::string>{"kvm"};
  // The last before the freeze.
  const ClockStatement before = clock_of(statements(facts, "spinner1").before);
  const ClockStatement after = clock_of(statements(facts, "sleeper").after);  // the first after it
  CHECK(clock_disagreement(before, after, facts.entries.at("jiffies").value, facts.hz,
                           kvm ? kMaxLeadKvm : kMaxLeadTcg) == "");
}

// Under a partial switch only those workers are under sched_ext, and of them the spinners of CPU 0
// are runnable.
void check_nr_running(const TapeFacts& facts) {
  uint64_t runnable = 0;
  for (const char* worker : {"sleeper", "stopped", "spinner0", "spinner1"}) {
    const Statements said = statements(facts, worker);
    const bool on_cpu0 = said.before.at("processor") == "0";
    CHECK(said.before.at("state") == said.after.at("state"));
    CHECK(said.before.at("sched.ext.enabled") == "1");
    if (on_cpu0 && said.before.at("state") == "R") ++runnable;
  }
  CHECK(runnable == 2);
  CHECK(facts.entries.at("nr_running").value == runnable);
}

// Every running task is in the class of its policy, except the idle task and the one that stops a
// CPU.
void check_who_ran(const TapeFacts& facts) {
  const std::map<int32_t, std::set<std::string>> classes = {
      {0, {"fair_sched_class", "idle_sched_class"}},
      {1, {"rt_sched_class", "stop_sched_class"}},
      {5, {"fair_sched_class"}},
      {7, {"ext_sched_class"}}};
  for (const auto& [freeze, seen] : facts.frozen) {
    CHECK_FALSE(seen.scheduling.empty());
    for (const auto& [policy, in_class] : seen.scheduling) {
      CAPTURE(policy, in_class);
      CHECK((classes.contains(policy) && classes.at(policy).contains(in_class)));
    }
  }
}

void check_host_and_guest(const Captured& captured) {
  const TapeFacts& facts = captured.facts;
  INFO(captured.program.output);
  REQUIRE(facts.outcome == Outcome::COMPLETED);
  CHECK((facts.slide != 0 || facts.phys_base != 0));  // KASLR; one of the two may be 0 by chance
  CHECK(facts.vmcoreinfo_agrees);
  CHECK(facts.freezes == 1);
  const std::map<std::string, std::string> classes = {{"sleeper", "ext_sched_class"},
                                                      {"stopped", "ext_sched_class"},
                                                      {"fair", "fair_sched_class"},
                                                      {"idle", "fair_sched_class"},
                                                      {"fifo", "rt_sched_class"}};
  for (const auto& [worker, symbol] : classes) {
    const WorkerCheck check(facts, worker);
    check.check_identity();
    check.check_priority();
    check.check_class(symbol);
  }
  const WorkerCheck sleeper(facts, "sleeper");
  const WorkerCheck stopped(facts, "stopped");
  sleeper.check_vtime();
  stopped.check_vtime();
  CHECK(sleeper.reported("nice") == 5);
  CHECK(stopped.reported("nice") == -5);
  // kernel/sched/core.c: sched_prio_to_weight[] has 335 for nice 5 and 3121 for -5; sched_ext's
  // weights are cgroup's, where 100 is nice 0: 335 * 100 / 1024 and 3121 * 100 / 1024, rounded.
  CHECK(sleeper.read("scx.weight") == 33);
  CHECK(stopped.read("scx.weight") == 305);
  check_nr_running(facts);
  check_clock(captured);
  check_who_ran(facts);
}

const std::vector<std::string> kOneCpu = {"--cpus", "1", "--memory-mb", "256"};
const std::vector<std::string> kTwoCpus = {"--cpus", "2", "--memory-mb", "3072"};
const std::vector<std::string> kEightCpus = {"--topology",
                                             "sockets=2,cores=2,threads=2,llcs=2,numaNodes=2"};

// Low RAM of q35 ends at 2 GiB if not all fits below the PCI hole. Linux allocates task structs
// from the top.
void check_high_memory(const TapeFacts& facts) {
  constexpr uint64_t kFourGiB = uint64_t{4} << 30;
  CHECK(facts.entries.at("sleeper.pid").physical_address >= kFourGiB);
  CHECK(facts.entries.at("fair.pid").physical_address >= kFourGiB);
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture, "host and guest agree on 6.16 with 1 vCPU and 256 MiB") {
  Captured captured = capture("host_and_guest", "6.16", kOneCpu);
  check_host_and_guest(captured);
  check_topology(captured.facts,
                 {.cpus = "0", .sockets = "0", .cores = "0", .llcs = "0", .nodes = "0"}, 256);
}

TEST_CASE_METHOD(CaptureFixture, "host and guest agree on 6.16 with 2 vCPUs and memory above 4 GiB",
                 "[kvm]") {
  Captured captured = capture("host_and_guest", "6.16", kTwoCpus);
  check_host_and_guest(captured);
  check_high_memory(captured.facts);
  check_topology(captured.facts, kTwoCores, 3072);
}

TEST_CASE_METHOD(CaptureFixture, "host and guest agree on 6.16 with 8 vCPUs on 2 NUMA nodes") {
  Captured captured = capture("host_and_guest", "6.16", kEightCpus);
  check_host_and_guest(captured);
  check_topology(captured.facts, kTwoByTwoByTwo, 512);
}

TEST_CASE_METHOD(CaptureFixture, "host and guest agree on 6.19 with 1 vCPU and 256 MiB") {
  check_host_and_guest(capture("host_and_guest", "6.19", kOneCpu));
}

TEST_CASE_METHOD(CaptureFixture, "host and guest agree on 6.19 with 2 vCPUs and memory above 4 GiB",
                 "[kvm]") {
  Captured captured = capture("host_and_guest", "6.19", kTwoCpus);
  check_host_and_guest(captured);
  check_high_memory(captured.facts);
  check_topology(captured.facts, kTwoCores, 3072);
}

TEST_CASE_METHOD(CaptureFixture, "host and guest agree on 6.19 with 8 vCPUs on 2 NUMA nodes") {
  Captured captured = capture("host_and_guest", "6.19", kEightCpus);
  check_host_and_guest(captured);
  check_topology(captured.facts, kTwoByTwoByTwo, 512);
}

TEST_CASE_METHOD(CaptureFixture, "host and guest agree on 7.3 with 1 vCPU and 256 MiB") {
  check_host_and_guest(capture("host_and_guest", "7.3", kOneCpu));
}

TEST_CASE_METHOD(CaptureFixture, "host and guest agree on 7.3 with 2 vCPUs and memory above 4 GiB",
                 "[kvm]") {
  Captured captured = capture("host_and_guest", "7.3", kTwoCpus);
  check_host_and_guest(captured);
  check_high_memory(captured.facts);
  check_topology(captured.facts, kTwoCores, 3072);
}

TEST_CASE_METHOD(CaptureFixture, "host and guest agree on 7.3 with 8 vCPUs on 2 NUMA nodes") {
  Captured captured = capture("host_and_guest", "7.3", kEightCpus);
  check_host_and_guest(captured);
  check_topology(captured.facts, kTwoByTwoByTwo, 512);
}

}  // namespace ktape::test
