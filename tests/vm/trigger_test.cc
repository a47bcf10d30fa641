// SPDX-License-Identifier: Apache-2.0
// Freezes that the host makes by itself, and what a kernel complains of, on real kernels.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "schema/journal/reader.h"
#include "schema/wire/data.h"
#include "tests/support/must.h"
#include "tests/support/sql.h"
#include "tests/vm/capture_fixture.h"

namespace ktape::test {

using schema::EntryStatus;
using schema::FreezeCause;
using schema::Gate;
using schema::OopsKind;
using schema::Outcome;

namespace {

constexpr uint64_t kErrorUnknownDsq = 1024;
constexpr uint64_t kErrorBpf = 1025;
constexpr uint64_t kErrorStall = 1026;

struct HostFreeze {
  Seq seq;
  FreezeCause cause = FreezeCause::NOT_SAID;
  std::string trigger;
  std::string detail;
  std::string symbol;  // where the vCPU that reached it stood
  int64_t bypass_depth = -1;
};

struct HostFacts {
  std::vector<HostFreeze> freezes;
  Seq scheduler_exited;
  std::vector<std::pair<OopsKind, std::string>> oopses;
  std::vector<std::string> planned;  // "NAME FUNCTION TIMES" of each trigger, "every MS"
  std::vector<std::string> sealed;   // "NAME armed FREEZES"
};

void note_plan(schema::RunStarted::Reader run, HostFacts& facts) {
  for (auto trigger : run.getFreezeTriggers())
    facts.planned.push_back(std::string(trigger.getName().cStr()) + " " + trigger.getFunction().cStr() + " " +
                            std::to_string(trigger.getTimes()));
  if (run.getFreezeEveryMs() > 0) facts.planned.push_back("every " + std::to_string(run.getFreezeEveryMs()));
}

void note_counts(schema::Sealed::Reader sealed, HostFacts& facts) {
  for (auto trigger : sealed.getTriggers())
    facts.sealed.push_back(trigger.getName().cStr() +
                           std::string(trigger.getArmed() ? " armed " : " not armed ") +
                           std::to_string(trigger.getFreezes()));
}

HostFacts host_facts(const std::string& tape) {
  HostFacts facts;
  int32_t vcpu = -1;
  must(must(JournalReader::open(tape))->for_each([&](const RecordView& view) -> Result<void> {
    switch (view.record.which()) {
      case schema::Record::FREEZE_BEGAN: {
        auto freeze = view.record.getFreezeBegan();
        vcpu = freeze.getVcpu();
        HostFreeze& seen = facts.freezes.emplace_back();
        seen.seq = view.seq;
        seen.cause = freeze.getCause();
        seen.trigger = freeze.getTrigger().cStr();
        seen.detail = as_text(freeze.getDetail());
        break;
      }
      case schema::Record::FROZEN: {
        HostFreeze& freeze = facts.freezes.back();
        freeze.bypass_depth = view.record.getFrozen().getBypassDepth();
        for (auto state : view.record.getFrozen().getVcpus()) {
          if (static_cast<int32_t>(state.getCpu()) != vcpu) continue;
          freeze.symbol = state.getSymbol().cStr();
        }
        break;
      }
      case schema::Record::RUN_STARTED: note_plan(view.record.getRunStarted(), facts); break;
      case schema::Record::SEALED: note_counts(view.record.getSealed(), facts); break;
      case schema::Record::SCHEDULER_EXITED: facts.scheduler_exited = view.seq; break;
      case schema::Record::GUEST_OOPS:
        facts.oopses.emplace_back(view.record.getGuestOops().getKind(),
                                  as_text(view.record.getGuestOops().getText()));
        break;
      default: break;
    }
    return {};
  }));
  return facts;
}

// The one freeze of the run is from before the ejection, and its worker was runnable then.
void check_ejection(const Captured& captured, uint64_t kind, const std::string& detail) {
  INFO(captured.program.output);
  CHECK(captured.facts.scheduler_exit_kinds == std::vector<uint64_t>{kind});
  const HostFacts facts = host_facts(captured.tape);
  REQUIRE(facts.freezes.size() == 1);
  CHECK(facts.sealed == std::vector<std::string>{"scx-error armed 1"});
  const HostFreeze& freeze = facts.freezes[0];
  CHECK(freeze.cause == FreezeCause::TRIGGER);
  CHECK(freeze.trigger == "scx-error");
  CHECK(freeze.detail.find(detail) != std::string::npos);
  CHECK(freeze.seq < facts.scheduler_exited);
  CHECK(freeze.bypass_depth == 0);

  const auto& entries = captured.facts.entries;
  CHECK(entries.at("scx_exit_info.kind").value == kind);
  CHECK(entries.at("victim.on_rq").value == 1);
  CHECK(entries.at("victim.on_rq").failed.contains(Gate::NOT_QUEUED));  // its runnable_node is linked
  CHECK(entries.at("victim.scx.runnable_at").value > 0);
  CHECK(entries.at("victim.scx.runnable_at").value <= entries.at("jiffies_64").value);
  CHECK(captured.facts.requests == captured.facts.replies);
  CHECK(run_built("ktape-verify", {captured.tape}).exit_status == 0);
}

void check_stall(const Captured& captured) {
  check_ejection(captured, kErrorStall, "victim[");
  const EntryFacts& dsq = captured.facts.entries.at("victim.scx.dsq->id");
  CHECK(dsq.status == EntryStatus::DONE);
  CHECK(dsq.value == 0);  // the scheduler's shared DSQ
  CHECK(captured.facts.entries.at("victim.scx.dsq").value != 0);
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture,
                 "a stall is frozen before the ejection on 6.16.12, its worker still queued") {
  check_stall(capture("scheduler_stall", "6.16.12"));
}

TEST_CASE_METHOD(CaptureFixture, "a stall is frozen before the ejection on 7.3.4, its worker still queued") {
  check_stall(capture("scheduler_stall", "7.3.4"));
}

TEST_CASE_METHOD(CaptureFixture, "a dispatch to an unknown DSQ is frozen before the ejection on 6.16.12") {
  check_ejection(capture("unknown_dsq", "6.16.12"), kErrorUnknownDsq, "0xdead");
}

TEST_CASE_METHOD(CaptureFixture, "a dispatch to an unknown DSQ is frozen before the ejection on 7.3.4") {
  check_ejection(capture("unknown_dsq", "7.3.4"), kErrorUnknownDsq, "0xdead");
}

TEST_CASE_METHOD(CaptureFixture, "a scheduler that gives up is frozen before the ejection on 6.16.12") {
  check_ejection(capture("bpf_error", "6.16.12"), kErrorBpf, "deliberate fault");
}

TEST_CASE_METHOD(CaptureFixture, "a scheduler that gives up is frozen before the ejection on 7.3.4") {
  check_ejection(capture("bpf_error", "7.3.4"), kErrorBpf, "deliberate fault");
}

TEST_CASE_METHOD(
    CaptureFixture,
    "a function freezes as often as it may, and so do intervals and a SIGUSR1; scx-error can be left "
    "out, and the tape has what was planned and what came of it") {
  signal_at = "step 1 of ";
  Captured captured = capture("bpf_error", "6.16.12",
                              {"--freeze-on", "none", "--freeze-on", "symbol:__x64_sys_clock_nanosleep*3",
                               "--freeze-on", "symbol:panic", "--freeze-every", "200"});
  INFO(captured.program.output);
  CHECK(captured.facts.scheduler_exit_kinds == std::vector<uint64_t>{kErrorBpf});
  size_t entered = 0, periodic = 0, user = 0;
  const HostFacts facts = host_facts(captured.tape);
  for (const HostFreeze& freeze : facts.freezes) {
    CHECK(freeze.trigger != "scx-error");
    if (freeze.cause == FreezeCause::PERIODIC) ++periodic;
    if (freeze.cause == FreezeCause::USER) ++user;
    if (freeze.cause != FreezeCause::TRIGGER) continue;
    ++entered;
    CHECK(freeze.trigger == "symbol:__x64_sys_clock_nanosleep");
    CHECK(freeze.symbol == "__x64_sys_clock_nanosleep");
  }
  CHECK(entered == 3);
  CHECK(periodic >= 2);
  CHECK(user == 1);
  CHECK(facts.planned ==
        std::vector<std::string>{"symbol:__x64_sys_clock_nanosleep __x64_sys_clock_nanosleep 3",
                                 "symbol:panic panic 1", "every 200"});
  CHECK(facts.sealed ==
        std::vector<std::string>{"symbol:__x64_sys_clock_nanosleep armed 3", "symbol:panic armed 0"});
  CHECK(captured.program.output.find("frozen   on symbol:panic: never, it was not entered\n") !=
        std::string::npos);
}

TEST_CASE_METHOD(
    CaptureFixture,
    "an oops and a BUG that the guest survives are told from a panic, with the workers that died") {
  Captured captured = capture("kernel_oops", "6.16.12");
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == Outcome::COMPLETED);
  CHECK(captured.facts.panic.empty());
  const HostFacts facts = host_facts(captured.tape);
  REQUIRE(facts.oopses.size() >= 3);
  CHECK(facts.oopses[0].first == OopsKind::OOPS);
  CHECK(facts.oopses[0].second.find("BUG: kernel NULL pointer dereference") != std::string::npos);
  CHECK(facts.oopses[0].second.find("__blk_flush_plug") != std::string::npos);
  CHECK(facts.oopses[0].second.find("---[ end trace") != std::string::npos);
  // A task must not end with a plug (kernel/exit.c).
  CHECK(facts.oopses[1].first == OopsKind::WARNING);
  const auto bug = std::find_if(facts.oopses.begin(), facts.oopses.end(),
                                [](const auto& oops) { return oops.first == OopsKind::BUG; });
  REQUIRE(bug != facts.oopses.end());
  CHECK(bug->second.find("kernel BUG at mm/mmap.c:") != std::string::npos);
  CHECK(bug->second.find("exit_mmap") != std::string::npos);
  CHECK(bug->second.find("---[ end trace") != std::string::npos);
  // The oops ends its task with SIGSEGV (kernel/exit.c, make_task_dead); the one that met the BUG while it
  // exited is never reaped.
  CHECK(sql_rows(captured.tape, "SELECT name, event, status FROM worker ORDER BY name") ==
        std::vector<std::string>{"doomed|progress|0", "shot|killed|9", "victim|killed|9"});
  const ChildResult completed = run_built("ktape-assert-run-completed", {captured.tape});
  CHECK(completed.exit_status == 0);
  CHECK(completed.output.find("the kernel complained: ") != std::string::npos);
}

}  // namespace ktape::test
