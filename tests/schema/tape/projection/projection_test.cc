// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/projection/projection.h"

#include <catch2/catch_test_macros.hpp>

#include "schema/wire/data.h"
#include "tests/schema/tape/projection/projection_fixture.h"
#include "tests/support/must.h"

namespace ktape::test {

TEST_CASE_METHOD(ProjectionFixture, "the table run says what was run, where and on what") {
  tape.add([](schema::Record::Builder record) {
    auto run = record.initRunStarted();
    run.initScenario().setName("roundtrip");
    run.setWallClockNs(1'795'340'538'123'456'789);
    run.setKtapeVersion("0.1.0");
    run.setKernelImage("6.16.12");
    run.setKernelImageDigest(as_data(std::string_view("\x01\xff")));
    run.setKernelCommandLine("console=ttyS0 quiet");
    run.setCpus(2);
    run.setMemoryBytes(512 << 20);
    run.setAcceleratorAsked(schema::Accelerator::AUTO);
    run.setAcceleratorUsed(schema::Accelerator::TCG);
    run.setAcceleratorReason("no /dev/kvm");
    auto arguments = run.initQemuArguments(2);
    arguments.set(0, "-m");
    arguments.set(1, "512");
    run.setHostCpu(as_data(std::string_view("some\tCPU\x1b")));
    auto words = run.initArguments(3);
    for (unsigned i = 0; const char* word : {"--kernel", "6.16.12", "roundtrip"})
      words.set(i++, word);
    run.setWorkingFolder("/code");
    auto program = run.initSchedulerProgram();
    program.setPath("/code/scx");
    program.setDigest(as_data(std::string_view("\x02")));
    program.setCheckout(schema::CheckoutState::CLEAN);
    program.setCommit("abc");
  });
  CHECK(rows("SELECT * FROM run") ==
        Rows{"1|1000000||roundtrip|2026-11-22T09:42:18Z|0.1.0|6.16.12|01ff|console=ttyS0 "
             "quiet||2|0|0|0|0|536870912|tcg|auto|"
             "no /dev/kvm|0|0||-m 512|some\\tCPU\\x1b||0|notSaid|0|"
             "--kernel 6.16.12 roundtrip|/code|/code/scx|02||clean|abc||||0|0"});
}

TEST_CASE_METHOD(ProjectionFixture, "the table kernel shows addresses as hex text") {
  tape.add([](schema::Record::Builder record) {
    auto kernel = record.initKernelIdentified();
    kernel.setRelease(as_data(std::string_view("6.16.12")));
    kernel.setKaslrSlide(0x1e000000);
    kernel.setPageOffset(0xffff888000000000);
    kernel.setPagingLevels(4);
    kernel.setHz(250);
    kernel.setCpus(2);
    kernel.setVmcoreinfoAgrees(true);
    kernel.setAdoptionNs(70'000'000);
  });
  CHECK(rows("SELECT * FROM kernel") ==
        Rows{"1|1000000||6.16.12|||250|2|4|0x1e000000|0x0|0xffff888000000000|1||||70000000|0|0"});
}

TEST_CASE_METHOD(ProjectionFixture,
                 "guest, layout, console, sample and trace have a row per record") {
  tape.add([](schema::Record::Builder record) {
    auto hello = record.initGuestHello();
    hello.setOnlineCpus(2);
    hello.setAgentVersion("0.1.0");
  });
  tape.add([](schema::Record::Builder record) {
    auto layout = record.initLayoutUsed();
    layout.setType(as_data(std::string_view("struct task_struct")));
    layout.setPath("scx.dsq_vtime");
    layout.setOffsetBytes(848);
    layout.setSizeBytes(8);
    layout.setEncoding(as_data(std::string_view("u64")));
  });
  tape.add([](schema::Record::Builder record) {
    record.initConsole().setText(as_data(std::string_view("first\nsecond\\\xff")));
  });
  tape.add([](schema::Record::Builder record) {
    auto sample = record.initSample();
    sample.setName("load");
    sample.initTarget().setSymbol("jiffies_64");
    sample.initValue().setU64(18'446'744'073'709'551'615u);
  });
  tape.add([](schema::Record::Builder record) {
    auto chunk = record.initTraceChunk();
    chunk.setCpu(1);
    chunk.initPages(4096);
  });
  CHECK(rows("SELECT * FROM guest") == Rows{"1|1000000|||||2|0|0.1.0"});
  CHECK(rows("SELECT * FROM layout") ==
        Rows{"2|2000000||struct task_struct|scx.dsq_vtime|848|8|u64"});
  CHECK(rows("SELECT * FROM console") == Rows{"3|3000000||first\nsecond\\\\\\xff"});
  CHECK(rows("SELECT * FROM sample") ==
        Rows{"4|4000000||load|jiffies_64|18446744073709551615|symbol|jiffies_64||||"});
  CHECK(rows("SELECT * FROM trace_chunk") == Rows{"5|5000000||1|4096"});
}

TEST_CASE_METHOD(ProjectionFixture,
                 "schedulers, workers and steps have one row, filled in by several records") {
  tape.scheduler_attached(1);
  tape.worker_started("sleeper", 71, 4'210'000'000);
  tape.step_started(0, "roundtrip");
  tape.step_finished(0);
  tape.add([](schema::Record::Builder record) {
    auto output = record.initSchedulerOutput();
    output.setId(1);
    output.setText(as_data(std::string_view("attached")));
  });
  tape.add([](schema::Record::Builder record) {
    auto report = record.initWorkerReport();
    report.setName("sleeper");
    report.setEvent(schema::WorkerEvent::KILLED);
    report.setStatus(9);
    report.setPhasesDone(3);
  });
  tape.add([](schema::Record::Builder record) {
    auto exited = record.initSchedulerExited();
    exited.setId(1);
    exited.setKind(1026);
    exited.setReason(as_data(std::string_view("runnable task stall")));
    exited.setExitCode(-1);
  });
  CHECK(rows("SELECT * FROM scheduler") == Rows{"1|ktape_vtime|full|onlyGrows|30000||0|||1|7|1026|"
                                                "runnable task stall||-1||0|1000000||7000000|"});
  CHECK(rows("SELECT * FROM scheduler_output") == Rows{"5|5000000||1|attached"});
  CHECK(rows("SELECT * FROM worker") ==
        Rows{"sleeper|71|4210000000|normal|sleeper|killed|9|3|2|6|2000000||6000000|"});
  CHECK(rows("SELECT * FROM step") == Rows{"0|roundtrip|1||3000000|4000000|3|4||"});
}

TEST_CASE_METHOD(ProjectionFixture, "an enable has its own row, with its error") {
  for (uint32_t id : {1u, 2u}) {
    tape.add([&](schema::Record::Builder record) {
      auto attempted = record.initSchedulerAttempted();
      attempted.setId(id);
      attempted.setName(as_data(std::string_view("qmap")));
      attempted.setParent(id - 1);
    });
  }
  tape.add([](schema::Record::Builder record) {
    auto failed = record.initSchedulerEnableFailed();
    failed.setId(2);
    failed.setKind(1024);
    failed.setReason(as_data(std::string_view("runtime error")));
    failed.setMessage(as_data(std::string_view("ops.init() failed (-22)")));
  });
  CHECK(rows("SELECT * FROM scheduler_attempt") ==
        Rows{"1|qmap|0||1|||||||1000000|||",
             "2|qmap|1||2|3|1024|runtime error|ops.init() failed (-22)|0||2000000||3000000|"});
  CHECK(rows("SELECT * FROM scheduler").empty());
}

TEST_CASE_METHOD(ProjectionFixture, "incidents, losses and the ending have rows") {
  tape.add([](schema::Record::Builder record) {
    record.initGuestPanicked().setText(as_data(std::string_view("Kernel panic\n")));
  });
  tape.add([](schema::Record::Builder record) {
    auto fired = record.initWatchdogFired();
    fired.setName("run");
    fired.setLimitMs(60'000);
    fired.setDetail("waiting for the agent");
  });
  tape.add([](schema::Record::Builder record) { record.initMachineLost().setReason("it exited"); });
  tape.add([](schema::Record::Builder record) {
    auto counter = record.initLost().initCounters(1)[0];
    counter.setName("console_bytes");
    counter.setCount(17);
    counter.setDescription("console text over the limit");
  });
  CHECK(rows("SELECT * FROM incident") ==
        Rows{"1|1000000||guestPanicked|Kernel panic\n",
             "2|2000000||watchdogFired|run after 60000 ms: waiting for the agent",
             "3|3000000||machineLost|it exited"});
  CHECK(rows("SELECT * FROM loss") ==
        Rows{"4|console_bytes|4000000||17|console text over the limit"});
  CHECK(rows("SELECT * FROM guest_exit") == Rows{"5|5000000||1|0|"});
  CHECK(rows("SELECT * FROM ending") == Rows{"6|6000000||completed|0||5|0|0|||"});
}

TEST_CASE_METHOD(ProjectionFixture,
                 "complaints of the kernel, and the guest's facts about itself, have tables") {
  tape.add([](schema::Record::Builder record) {
    auto oops = record.initGuestOops();
    oops.setKind(schema::OopsKind::WARNING);
    oops.setText(as_data(std::string_view("WARNING: CPU: 1\nat x")));
  });
  tape.add([](schema::Record::Builder record) {
    auto guest_facts = record.initGuestFacts();
    guest_facts.setSubject("sleeper");
    auto facts = guest_facts.initFacts(2);
    facts[0].setName("policy");
    facts[0].setValue(as_data(std::string_view("0")));
    facts[1].setName("nice");
    facts[1].setValue(as_data(std::string_view("-5")));
  });
  CHECK(rows("SELECT * FROM oops") == Rows{"1|1000000||warning|WARNING: CPU: 1\nat x"});
  CHECK(rows("SELECT * FROM guest_fact") ==
        Rows{"2|0|2000000||sleeper|policy|0", "2|1|2000000||sleeper|nice|-5"});
}

TEST_CASE_METHOD(ProjectionFixture, "a planned trigger gets its result from the seal") {
  tape.add([](schema::Record::Builder record) {
    auto triggers = record.initRunStarted().initFreezeTriggers(2);
    triggers[0].setName("scx-error");
    triggers[0].setFunction("scx_error_irq_workfn");
    triggers[0].setTimes(16);
    triggers[1].setName("symbol:schedule");
    triggers[1].setFunction("schedule");
    triggers[1].setTimes(3);
    triggers[1].setArming(schema::TriggerArming::STEP);
    triggers[1].setStep(2);
  });
  tape.triggers = {{"scx-error", true, 1, 4}, {"symbol:schedule", false, 0}};
  CHECK(rows("SELECT * FROM freeze_trigger") ==
        Rows{"scx-error|scx_error_irq_workfn|16|notSaid|0|1|1|4",
             "symbol:schedule|schedule|3|step|2|0|0|0"});
}

TEST_CASE_METHOD(ProjectionFixture,
                 "a freeze has a row for each hit, and a trigger one for each change") {
  tape.add([](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(7);
    began.setCause(schema::FreezeCause::TRIGGER);
    auto hits = began.initHits(2);
    hits[0].setTrigger("symbol:schedule");
    hits[1].setVcpu(3);
    hits[1].setTrigger("scx-error");
    hits[1].setDetail(as_data(std::string_view("stall")));
  });
  tape.add([](schema::Record::Builder record) {
    auto changed = record.initTriggerChanged();
    changed.setTrigger("symbol:schedule");
    changed.setChange(schema::TriggerChange::GIVEN_UP);
    changed.setAddress(0xffffffff81000100);
  });
  CHECK(rows("SELECT * FROM freeze_hit") ==
        Rows{"7|0|1000000||0|symbol:schedule|", "7|1|1000000||3|scx-error|stall"});
  CHECK(rows("SELECT * FROM trigger_change") ==
        Rows{"2|2000000||symbol:schedule|givenUp|0xffffffff81000100|"});
}

TEST_CASE_METHOD(ProjectionFixture,
                 "run delays have a row for each vCPU, NULL where they are not known") {
  tape.add([](schema::Record::Builder record) {
    auto delays = record.initRunDelays();
    delays.setFreeze(4);
    auto vcpus = delays.initVcpus(2);
    vcpus[0].setKnown(true);
    vcpus[0].setThread(4711);
    vcpus[0].setRanNs(70);
    vcpus[0].setWaitedNs(5);
    vcpus[0].setTimeslices(2);
    vcpus[1].setVcpu(1);
  });
  tape.add([](schema::Record::Builder record) {
    auto delays = record.initRunDelays();
    delays.setStolenKnown(true);
    delays.setStolenNs(20'000'000);
    delays.initVcpus(1)[0].setKnown(true);
  });
  CHECK(rows("SELECT * FROM run_delay WHERE seq = 1") ==
        Rows{"1|0|1000000||4|4711|70|5|2|", "1|1|1000000||4|||||"});
  CHECK(rows("SELECT freeze, ran_ns, stolen_ns FROM run_delay WHERE seq = 2") ==
        Rows{"0|0|20000000"});
}

TEST_CASE_METHOD(ProjectionFixture, "the guest's clocksource and its changes are rows") {
  tape.add([](schema::Record::Builder record) {
    record.initClocksourceSeen().setName(as_data(std::string_view("kvm-clock")));
  });
  tape.add([](schema::Record::Builder record) {
    auto seen = record.initClocksourceSeen();
    seen.setName(as_data(std::string_view("acpi_pm")));
    seen.setBefore(as_data(std::string_view("kvm-clock")));
    seen.setFreeze(3);
  });
  CHECK(rows("SELECT * FROM clocksource") ==
        Rows{"1|1000000||kvm-clock||0", "2|2000000||acpi_pm|kvm-clock|3"});
}

TEST_CASE_METHOD(ProjectionFixture,
                 "the facts of the host's CPU have columns, NULL from an older recorder") {
  tape.add([](schema::Record::Builder record) {
    auto run = record.initRunStarted();
    run.setFreezesResetWatchdogs(true);
    auto host = run.initHostProcessor();
    host.setKnown(true);
    host.setHypervisor(true);
    host.setHypervisorName(as_data(std::string_view("TCGTCGTCGTCG")));
    host.setKvmNested(as_data(std::string_view("1")));
    host.setCpus(2);
  });
  tape.add([](schema::Record::Builder record) { record.initRunStarted(); });
  CHECK(rows("SELECT host_is_guest, host_hypervisor, host_kvm_nested, host_cpus, "
             "freezes_reset_watchdogs "
             "FROM run") == Rows{"1|TCGTCGTCGTCG|1|2|1", "|||0|0"});
}

TEST_CASE_METHOD(ProjectionFixture,
                 "the results of the intervals have columns, NULL if there were none") {
  tape.add([](schema::Record::Builder record) {
    record.initFreezeBegan().setFreeze(1);
    record.getFreezeBegan().setInterval(12);
  });
  tape.intervals = [](schema::IntervalCounts::Builder counts) {
    counts.setFroze(1);
    counts.setSkippedBusy(9);
    counts.setSkippedLate(2);
  };
  CHECK(rows("SELECT interval FROM freeze") == Rows{"12"});
  CHECK(
      rows("SELECT intervals_froze, intervals_skipped_busy, intervals_skipped_late FROM ending") ==
      Rows{"1|9|2"});
}

TEST_CASE_METHOD(ProjectionFixture, "a run without intervals has no count of them") {
  CHECK(rows("SELECT intervals_froze IS NULL FROM ending") == Rows{"1"});
}

TEST_CASE_METHOD(ProjectionFixture, "a slim tape names the tape that it was made from") {
  tape.add([](schema::Record::Builder record) {
    record.initSlimmed().setHead(as_data(std::string_view("\x12\x34")));
    record.getSlimmed().setKtapeVersion("0.2.0");
  });
  CHECK(rows("SELECT * FROM slimmed") == Rows{"1|1000000||1234|0.2.0"});
}

TEST_CASE_METHOD(ProjectionFixture, "what the guest sends has the time of its clock as well") {
  const auto add = [&](const std::function<void(schema::Record::Builder)>& fill) {
    must(tape.writer().append(HostNs(1000), GuestNs(77), fill));
  };
  add([](schema::Record::Builder record) { record.initGuestHello(); });
  add([](schema::Record::Builder record) { record.initStepStarted().setStep(3); });
  add([](schema::Record::Builder record) { record.initStepFinished().setStep(3); });
  add([](schema::Record::Builder record) { record.initWorkerStarted().setName("late"); });
  add([](schema::Record::Builder record) { record.initWorkerReport().setName("late"); });
  add([](schema::Record::Builder record) { record.initSchedulerAttached().setId(1); });
  add([](schema::Record::Builder record) { record.initSchedulerExited().setId(1); });
  add([](schema::Record::Builder record) { record.initSchedulerAttempted().setId(1); });
  add([](schema::Record::Builder record) { record.initSchedulerEnableFailed().setId(1); });
  add([](schema::Record::Builder record) { record.initGuestFacts().initFacts(1); });
  CHECK(rows("SELECT host_ns, guest_ns FROM guest") == Rows{"1000|77"});
  CHECK(rows("SELECT host_ns, guest_ns FROM guest_fact") == Rows{"1000|77"});
  CHECK(rows("SELECT started_ns, started_guest_ns, finished_ns, finished_guest_ns FROM step") ==
        Rows{"1000|77|1000|77"});
  CHECK(rows("SELECT started_ns, started_guest_ns, reported_ns, reported_guest_ns FROM worker") ==
        Rows{"1000|77|1000|77"});
  CHECK(rows("SELECT attached_ns, attached_guest_ns, exited_ns, exited_guest_ns FROM scheduler") ==
        Rows{"1000|77|1000|77"});
  CHECK(rows("SELECT attempted_ns, attempted_guest_ns, failed_ns, failed_guest_ns "
             "FROM scheduler_attempt") == Rows{"1000|77|1000|77"});
}

TEST_CASE_METHOD(ProjectionFixture, "every row has a time of the host's clock") {
  const Rows tables = rows(
      "SELECT m.name FROM sqlite_master AS m WHERE m.type = 'table' AND NOT EXISTS ("
      "SELECT 1 FROM pragma_table_info(m.name) WHERE name LIKE 'host_ns' OR name LIKE "
      "'%started_ns' "
      "OR name LIKE '%began_ns' OR name LIKE '%requested_ns' OR name LIKE 'att%ed_ns') ORDER BY 1");
  // The recording itself; and what was planned, which is of the run's begin.
  CHECK(tables == Rows{"blob", "event", "freeze_page", "freeze_trigger", "page"});
}

TEST_CASE_METHOD(ProjectionFixture, "an enumerant of a later schema shows as its number") {
  tape.add([](schema::Record::Builder record) {
    record.initFreezeBegan().setCause(static_cast<schema::FreezeCause>(77));
  });
  CHECK(rows("SELECT cause FROM freeze") == Rows{"77"});
}

}  // namespace ktape::test
