// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "tests/vm/checks/selftest_check.h"

// From tools/testing/selftests/sched_ext: what each test attaches, how its scheduler ends, and with
// which message.
namespace ktape::test {

namespace {

// enum scx_exit_kind
constexpr uint64_t kUnregistered = 64, kByBpf = 65, kByKernel = 66, kError = 1024;
// enum scx_exit_code
constexpr int64_t kActRestart = int64_t{1} << 48, kReasonHotplug = int64_t{1} << 32;
// hotplug_test.h
constexpr int64_t kHotplugReason = 1, kOnlining = 2;

constexpr ExpectedScheduler detached(std::string_view name) {
  return {.name = name, .kind = kUnregistered};
}

constexpr ExpectedScheduler watched(ExpectedScheduler scheduler) {
  scheduler.watched_closely = true;
  return scheduler;
}

// It fails with the first task that wakes up, which may be before the enable is complete.
constexpr ExpectedScheduler failing(std::string_view name, std::string_view message) {
  return watched({.name = name, .enabling = Enabling::kEither, .kind = kError, .message = message});
}

// scx_bpf_exit(point, "%d", point) in six places: three that run once a task is scheduled,
// ops.enable, which is called at the end of an enable, and two without which there is none.
std::vector<ExpectedScheduler> exits() {
  static constexpr std::string_view kMessages[] = {"0", "1", "2", "3", "4", "5"};
  std::vector<ExpectedScheduler> all;
  for (int64_t point = 0; point < 6; ++point) {
    all.push_back(watched({.name = "exit",
                           .enabling = point < 4 ? Enabling::kEither : Enabling::kFails,
                           .kind = kByBpf,
                           .code = point,
                           .message = kMessages[point]}));
  }
  return all;
}

std::vector<ExpectedScheduler> hotplugs() {
  const auto by_callback = [](int64_t code, std::string_view message) {
    return watched(
        {.name = "hotplug_cbs", .kind = kByBpf, .code = kActRestart | code, .message = message});
  };
  const auto by_kernel = [](Enabling enabling, std::string_view message) {
    return watched({.name = "hotplug_nocbs",
                    .enabling = enabling,
                    .kind = kByKernel,
                    .code = kActRestart | kReasonHotplug,
                    .message = message});
  };
  return {by_callback(kHotplugReason | kOnlining, "hotplug event detected (1 going online)"),
          by_callback(kHotplugReason, "hotplug event detected (1 going offline)"),
          by_kernel(Enabling::kSucceeds, "cpu 1 going online, exiting scheduler"),
          by_kernel(Enabling::kSucceeds, "cpu 1 going offline, exiting scheduler"),
          by_kernel(Enabling::kFails, "expected hotplug seq ")};
}

ExpectedTest one(std::string_view name) { return {name, {detached(name)}}; }
ExpectedTest one_watched(std::string_view name) { return {name, {watched(detached(name))}}; }

ExpectedTest error(std::string_view name, std::string_view message) {
  return {name, {failing(name, message)}};
}

ExpectedTest enq_last_no_enq_fails() {
  ExpectedScheduler refused =
      failing("enq_last_no_enq_fails", "SCX_OPS_ENQ_LAST requires ops.enqueue()");
  refused.enabling = Enabling::kFails;
  return {"enq_last_no_enq_fails", {refused}};
}

// Twice for all tasks, twice for those of policy EXT only.
ExpectedTest init_enable_count() {
  const ExpectedScheduler full = detached("init_enable_count");
  ExpectedScheduler partial = full;
  partial.partial = true;
  return {"init_enable_count", {full, full, partial, partial}};
}

ExpectedTest prog_run() {
  return {"prog_run",
          {{.name = "prog_run",
            .kind = kByBpf,
            .code = 0xdeadbeef,
            .message = "Exited from PROG_RUN"}}};
}

// Two threads attach and detach one scheduler 1,024 times each; one of them is mostly refused
// because the other is at it.
ExpectedTest reload_loop() { return {"reload_loop", {detached("maximal")}, true}; }

ExpectedTest no_scheduler(std::string_view name) { return {name, {}}; }
ExpectedTest skipped(std::string_view name) { return {name, {}, false, true}; }

void append(std::vector<ExpectedTest>& to, const std::vector<ExpectedTest>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

// The tests of both series whose names begin with select_cpu.
std::vector<ExpectedTest> select_cpu_tests() {
  return {one("select_cpu_dfl"),
          one("select_cpu_dfl_nodispatch"),
          one_watched("select_cpu_dispatch"),
          error("select_cpu_dispatch_bad_dsq", "non-existent DSQ 0xcafef00d"),
          error("select_cpu_dispatch_dbl_dsp", "already direct-dispatched"),
          one_watched("select_cpu_vtime")};
}

std::vector<ExpectedTest> tests_of_6_12() {
  std::vector<ExpectedTest> all = {
      one("create_dsq"),
      enq_last_no_enq_fails(),
      // The request that it expects to be refused is allowed from 6.16 on, and it does not check
      // the result.
      one_watched("enq_select_cpu_fails"),
      error("ddsp_bogus_dsq_fail", "non-existent DSQ 0xcafef00d"),
      error("ddsp_vtimelocal_fail", "cannot use vtime ordering for built-in DSQs"),
      one_watched("dsp_local_on"),
      {"exit", exits()},
      {"hotplug", hotplugs()},
      init_enable_count(),
      one("maximal"),
      no_scheduler("maybe_null"),  // the verifier refuses the programs
      one("minimal"),
      prog_run(),
      reload_loop()};
  append(all, select_cpu_tests());
  append(all, {no_scheduler("example")});
  return all;
}

std::vector<ExpectedTest> tests_of_7_3() {
  const ExpectedScheduler dequeue = detached("dequeue_test"), remote = detached("dequeue_remote");
  ExpectedScheduler cmask = detached("enable_cmask");
  cmask.partial = true;
  std::vector<ExpectedTest> all = {
      one("create_dsq"),
      {"dequeue", std::vector<ExpectedScheduler>(7, dequeue)},
      one_watched("dequeue_iter"),
      {"dequeue_remote", {remote, remote}},
      enq_last_no_enq_fails(),
      error("ddsp_bogus_dsq_fail", "non-existent DSQ 0xcafef00d"),
      error("ddsp_vtimelocal_fail", "cannot use vtime ordering for built-in DSQs"),
      one_watched("dsp_local_on"),
      {"enable_cmask", {cmask}},
      one_watched("enq_select_cpu"),
      {"exit", exits()},
      {"hotplug", hotplugs()},
      init_enable_count(),
      one("maximal"),
      no_scheduler("maybe_null"),
      one("minimal"),
      no_scheduler("non_scx_kfunc_deny"),
      skipped("nohz_tick"),  // no CPU of the guest is nohz_full
      one("numa"),
      one("allowed_cpus"),
      one("peek_dsq"),
      prog_run(),
      reload_loop()};
  append(all, select_cpu_tests());
  const ExpectedScheduler minimal = detached("minimal"), rt_stall = detached("rt_stall");
  append(all, {{"rt_stall", {rt_stall, rt_stall}},
               no_scheduler("example"),
               {"total_bw", {minimal, minimal}},
               one_watched("cyclic_kick_wait")});
  return all;
}

}  // namespace

std::vector<ExpectedTest> expected_selftests(std::string_view series) {
  return series == "6.12" ? tests_of_6_12() : tests_of_7_3();
}

}  // namespace ktape::test
