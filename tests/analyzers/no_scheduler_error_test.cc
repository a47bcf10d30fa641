// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/wire/data.h"
#include "tests/analyzers/tape_under_test.h"
#include "tests/support/must.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

void exited(TapeUnderTest& tape, uint64_t kind, std::string_view reason, std::string_view message) {
  tape->add([&](schema::Record::Builder record) {
    auto exit = record.initSchedulerExited();
    exit.setId(1);
    exit.setKind(kind);
    exit.setReason({reinterpret_cast<const kj::byte*>(reason.data()), reason.size()});
    exit.setMessage({reinterpret_cast<const kj::byte*>(message.data()), message.size()});
  });
}

void frozen_for_error(TapeUnderTest& tape, std::string_view detail) {
  tape->add([&](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(1);
    began.setCause(schema::FreezeCause::TRIGGER);
    began.setTrigger("scx-error");
    began.setDetail(as_data(detail));
  });
}

// A freeze for which several vCPUs were at triggers' functions; the first one is also recorded
// outside the list.
void frozen_for(TapeUnderTest& tape,
                const std::vector<std::pair<const char*, std::string_view>>& hits) {
  tape->add([&](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(1);
    began.setCause(schema::FreezeCause::TRIGGER);
    began.setTrigger(hits[0].first);
    began.setDetail(as_data(hits[0].second));
    auto list = began.initHits(static_cast<unsigned>(hits.size()));
    for (unsigned i = 0; i < list.size(); ++i) {
      list[i].setVcpu(i);
      list[i].setTrigger(hits[i].first);
      list[i].setDetail(as_data(hits[i].second));
    }
  });
}

}  // namespace

TEST_CASE("a scheduler that was unregistered passes") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  exited(tape, 64, "unregistered from user space", "");
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK(
      tape.confirmed() ==
      "seq 2: scheduler 'ktape_vtime' exited, SCX_EXIT_UNREG (64): unregistered from user space\n");
}

TEST_CASE("a scheduler that the kernel ejected is violated, with reason and message") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  exited(tape, 1026, "runnable task stall", "spinner[57] failed to run for 5.1s");
  tape.evaluate(schema::Outcome::SCENARIO_FAILED, 1);
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() ==
        "seq 2: scheduler 'ktape_vtime' exited, SCX_EXIT_ERROR_STALL (1026): runnable task stall "
        "(spinner[57] failed to run for "
        "5.1s)\n");
}

TEST_CASE(
    "every kind from SCX_EXIT_ERROR on is an error, and the message of the kernel is made safe") {
  TapeUnderTest tape;
  exited(tape, 1024, "runtime error", "\x1b[2J");
  tape.evaluate();
  CHECK(tape.violated() ==
        "seq 1: scheduler 1 exited, SCX_EXIT_ERROR (1024): runtime error (\\x1b[2J)\n");
}

TEST_CASE("a scheduler that is not known to have exited is inconclusive") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape.evaluate_salvaged();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 1: the exit of scheduler 'ktape_vtime' is not on the tape\n");
}

TEST_CASE("a run without a scheduler is inconclusive") {
  TapeUnderTest tape;
  tape.evaluate();
  CHECK_THAT(tape.undecided(), ContainsSubstring("no scheduler was attached"));
}

TEST_CASE(
    "a scheduler that was being ejected when the run ended is violated, with what the kernel "
    "said") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  frozen_for_error(
      tape,
      "SCX_EXIT_ERROR (1024) of 'ktape_vtime': runtime error: soft lockup - CPU 0 stuck for 23s");
  tape.evaluate(schema::Outcome::RUN_TIMED_OUT);
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() ==
        "seq 2: scheduler 'ktape_vtime' was being ejected, SCX_EXIT_ERROR (1024) of 'ktape_vtime': "
        "runtime "
        "error: "
        "soft lockup - CPU 0 stuck for 23s\n");
}

TEST_CASE("of two schedulers that were being ejected when the run ended each is violated") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->add([](schema::Record::Builder record) {
    auto other = record.initSchedulerAttached();
    other.setId(2);
    other.setName(as_data(std::string_view("other")));
  });
  frozen_for_error(tape, "SCX_EXIT_ERROR (1024) of 'ktape_vtime': runtime error: first");
  frozen_for_error(tape, "SCX_EXIT_ERROR (1024) of 'other': runtime error: second");
  tape.evaluate(schema::Outcome::RUN_TIMED_OUT);
  CHECK_THAT(tape.violated(), ContainsSubstring("scheduler 'ktape_vtime' was being ejected, ") &&
                                  ContainsSubstring("runtime error: first") &&
                                  ContainsSubstring("scheduler 'other' was being ejected, ") &&
                                  ContainsSubstring("runtime error: second"));
}

TEST_CASE("the ejection of another scheduler says nothing about one that is still there") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  frozen_for_error(tape, "SCX_EXIT_ERROR (1024) of 'other': runtime error");
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
}

TEST_CASE("an ejection counts whichever of a freeze's hits it is") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  frozen_for(tape, {{"symbol:schedule", ""},
                    {"scx-error", "SCX_EXIT_ERROR (1024) of 'ktape_vtime': runtime error"},
                    {"scx-error", "SCX_EXIT_ERROR (1024) of 'other': runtime error"}});
  tape.evaluate(schema::Outcome::RUN_TIMED_OUT);
  CHECK(tape.violated() ==
        "seq 2: scheduler 'ktape_vtime' was being ejected, SCX_EXIT_ERROR (1024) of 'ktape_vtime': "
        "runtime "
        "error\n");
}

TEST_CASE("an ejection that has ended says nothing about the next scheduler of that name") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  frozen_for_error(tape, "SCX_EXIT_ERROR_STALL (1026) of 'ktape_vtime': runnable task stall");
  exited(tape, 1026, "runnable task stall", "");
  tape->scheduler_attached(2);
  tape.evaluate(schema::Outcome::RUN_TIMED_OUT);
  CHECK(
      tape.violated() ==
      "seq 3: scheduler 'ktape_vtime' exited, SCX_EXIT_ERROR_STALL (1026): runnable task stall\n");
  CHECK(tape.undecided() == "seq 4: the exit of scheduler 'ktape_vtime' is not on the tape\n");
}

TEST_CASE("an exit that the kernel had not finished counts as much as one that it had") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->add([](schema::Record::Builder record) {
    auto exit = record.initSchedulerExited();
    exit.setId(1);
    exit.setKind(1024);
    exit.setUnfinished(true);
  });
  tape.evaluate();
  CHECK(tape.violated() == "seq 2: scheduler 'ktape_vtime' exited, SCX_EXIT_ERROR (1024)\n");
}

TEST_CASE("an enable that failed with an error is violated, under the name of its attempt") {
  TapeUnderTest tape;
  tape->add([](schema::Record::Builder record) {
    auto attempted = record.initSchedulerAttempted();
    attempted.setId(1);
    attempted.setName(as_data("qmap"));
  });
  tape->add([](schema::Record::Builder record) {
    auto failed = record.initSchedulerEnableFailed();
    failed.setId(1);
    failed.setKind(1024);
    failed.setReason(as_data("runtime error"));
    failed.setMessage(as_data("ops.init() failed (-22)"));
  });
  tape.evaluate(schema::Outcome::SCENARIO_FAILED, 1);
  CHECK(tape.violated() ==
        "seq 2: scheduler 'qmap' was not enabled, SCX_EXIT_ERROR (1024): runtime error (ops.init() "
        "failed "
        "(-22))\n");
}

TEST_CASE("an exit code is printed with its meaning, and a restart is not an error") {
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->add([](schema::Record::Builder record) {
    auto exit = record.initSchedulerExited();
    exit.setId(1);
    exit.setKind(66);
    exit.setExitCode(0x1000100000000);
    exit.setReason(as_data("unregistered from the main kernel"));
  });
  tape.evaluate();
  CHECK(tape.confirmed() ==
        "seq 2: scheduler 'ktape_vtime' exited, SCX_EXIT_UNREG_KERN (66), code 0x1000100000000: "
        "restart, CPU "
        "hotplug: "
        "unregistered "
        "from the main kernel\n");
}

TEST_CASE(
    "a tape with fewer enables than the kernel counts is inconclusive; sub-schedulers are not "
    "counted") {
  const uint64_t counted = GENERATE(1, 2);
  TapeUnderTest tape;
  tape->scheduler_attached(1);
  tape->add([](schema::Record::Builder record) {
    record.initSchedulerAttached().setId(2);
    record.getSchedulerAttached().setParent(1);
  });
  exited(tape, 64, "", "");
  tape->add([](schema::Record::Builder record) {
    record.initSchedulerExited().setId(2);
    record.getSchedulerExited().setKind(68);
  });
  tape->add([&](schema::Record::Builder record) {
    record.initSample().setName("scx_enable_seq");
    record.getSample().initValue().setU64(counted);
  });
  tape.evaluate();
  CHECK(tape.verdict() == (counted == 1 ? Verdict::kPass : Verdict::kInconclusive));
  CHECK(tape.undecided() ==
        (counted == 1 ? "" : "seq 5: the kernel counts 2 enabled schedulers, the tape has 1\n"));
}

TEST_CASE("freezes that kept the kernel from reporting lockups are noted beside the verdict") {
  for (const bool resets : {true, false}) {
    TapeUnderTest tape;
    const auto at = [&](uint64_t seconds,
                        const std::function<void(schema::Record::Builder)>& fill) {
      must(tape->writer().append(HostNs(seconds * 1'000'000'000), GuestNs(0), fill));
    };
    at(0, [&](schema::Record::Builder record) {
      record.initRunStarted().setFreezesResetWatchdogs(resets);
    });
    at(0,
       [](schema::Record::Builder record) { record.initKernelIdentified().setRcuStallMs(3000); });
    at(1, [](schema::Record::Builder record) { record.initSchedulerAttached().setId(1); });
    for (uint64_t second = 2; second < 9; second += 2) {
      at(second, [](schema::Record::Builder record) { record.initFreezeBegan(); });
      at(second, [](schema::Record::Builder record) { record.initThawed(); });
    }
    at(9, [](schema::Record::Builder record) {
      record.initSchedulerExited().setId(1);
      record.getSchedulerExited().setKind(64);
    });
    tape.evaluate();
    CHECK(tape.verdict() == Verdict::kPass);
    CHECK(tape.notes().empty() == !resets);
    if (resets)
      CHECK_THAT(tape.notes(),
                 ContainsSubstring("it could not report an RCU stall (reported after 3 s)"));
  }
}

}  // namespace ktape::test
