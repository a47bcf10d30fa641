// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/projection/projection_ops.h"

#include <catch2/catch_test_macros.hpp>

#include "schema/wire/data.h"
#include "tests/schema/tape/projection/projection_fixture.h"

namespace ktape::test {

TEST_CASE_METHOD(ProjectionFixture, "a request makes rows of kernel_op that its reply completes") {
  tape.add([](schema::Record::Builder record) {
    auto request = record.initOpRequested();
    request.setOp(5);
    request.setRetryMs(30);
    request.initExpect().setRefused(schema::Gate::UNLOCKED);
    request.setStep(2);
    request.setFirstAction(4);
    auto entries = request.initEntries(2);
    entries[0].setTag("flags");
    task_target("sleeper", 71, 4'210'000'000, "flags")(entries[0].initTarget());
    auto bits = entries[0].initWrite().initSetBits();
    bits.setWidth(4);
    bits.setMask(0x10);
    entries[1].setTag("raw");
    per_cpu_target("runqueues", 1, "")(entries[1].initTarget());
    entries[1].setRead(schema::ValueKind::BYTES);
    entries[1].setLength(3);
    entries[1].setConsistent(true);
  });
  tape.add([](schema::Record::Builder record) {
    auto deferred = record.initOpDeferred();
    deferred.setOp(5);
    deferred.setReason("the kernel is not adopted yet");
  });
  tape.add([](schema::Record::Builder record) {
    auto gate = record.initGateChecked();
    gate.setOp(5);
    gate.setGate(schema::Gate::OFF_RUNQUEUE);
    gate.setOutcome(schema::GateOutcome::FAILED);
    gate.setEnforced(true);
    gate.setObserved(as_data(std::string_view("on_rq 1")));
    gate.setExpected("on_rq 0");
    gate.setFreeze(7);
    gate.setTry(2);
  });
  tape.add([](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(5);
    reply.setFreeze(7);
    reply.setTries(2);
    reply.setWaitedNs(1'000'123);
    auto entries = reply.initEntries(2);
    entries[0].setStatus(schema::EntryStatus::REFUSED);
    entries[0].setReason("gate 4");
    entries[0].setRefusedBy(schema::Gate::OFF_RUNQUEUE);
    auto users = entries[0].initLockUsers(2);
    users[0].setLock("pi_lock");
    users[0].setRole(schema::LockRole::HOLDER);
    users[0].setBasis(schema::Basis::INFERRED);
    users[0].setCpu(1);
    users[0].setPid(81);
    users[0].setComm(as_data(std::string_view("spin")));
    users[0].setSymbol("schedule+0x1");
    users[1].setLock("pi_lock");
    users[1].setRole(schema::LockRole::WAITER);
    users[1].setBasis(schema::Basis::OBSERVED);
    entries[1].setStatus(schema::EntryStatus::DONE);
    entries[1].initValue().setBytes(as_data(std::string_view("\x01\x02\x03", 3)));
    entries[1].setType(as_data(std::string_view("struct rq")));
    entries[1].setWidthBytes(3);
    entries[1].setWidthChecked(true);
    entries[1].setVirtualAddress(0xffff88801f02a2c0);
    entries[1].setPhysicalAddress(0x1f02a2c0);
    entries[1].setProtectingCpu(1);
    entries[1].setElapsedNs(900);
  });
  CHECK(rows("SELECT * FROM request") ==
        Rows{"5|2|cold|2|0||7|the kernel is not adopted "
             "yet|1000000|4000000|1|2|4|30|unlocked|2|1000123|0||2000000|1"});
  CHECK(rows("SELECT * FROM kernel_op") ==
        Rows{"5|0|2|cold|write|flags|task 'sleeper' flags|set 0x10|refused|||gate "
             "4|||0|0|||-1|0|7|4|1|4|0|offRunqueue|task|||sleeper|71|flags|1000000||4000000",
             "5|1|2|cold|read|raw|runqueues[cpu 1]|bytes(3)|done|x'010203'||||struct "
             "rq|3|1|0xffff88801f02a2c0|"
             "0x1f02a2c0|1|900|7|5|1|4|1|notSaid|perCpu|runqueues|1||||1000000||4000000"});
  CHECK(rows("SELECT * FROM lock_user") ==
        Rows{"5|0|0|4000000||pi_lock|holder|inferred|1|81|spin|schedule+0x1",
             "5|0|1|4000000||pi_lock|waiter|observed|-1|0||"});
  CHECK(rows("SELECT * FROM gate") ==
        Rows{"3|3000000||5|0|4|offRunqueue|failed|1|on_rq 1|on_rq 0|7|2"});
}

TEST_CASE_METHOD(ProjectionFixture,
                 "a freeze has one row, and one per vCPU where what could not be read is NULL") {
  tape.add([](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(1);
    began.setCause(schema::FreezeCause::REQUEST);
    began.setOp(1);
    began.setTry(2);
  });
  tape.add([](schema::Record::Builder record) {
    auto frozen = record.initFrozen();
    frozen.setFreeze(1);
    frozen.setStopLatencyNs(500'000);
    auto vcpus = frozen.initVcpus(2);
    vcpus[0].setKnown(true);
    vcpus[0].setKernelStateKnown(true);
    vcpus[0].setRip(0xffffffff9f0012a4);
    vcpus[0].setSymbol("halt+0x4");
    vcpus[0].setPreemptCount(0x80000001);
    vcpus[0].setCurrentComm(as_data(std::string_view("swapper/0")));
    vcpus[0].setCurrentPolicy(1);
    vcpus[0].setCurrentClass("rt_sched_class");
    vcpus[0].setCurrentPriority(49);
    vcpus[0].setCurrentRtPriority(50);
    vcpus[1].setCpu(1);
  });
  tape.add([](schema::Record::Builder record) {
    auto thawed = record.initThawed();
    thawed.setFreeze(1);
    thawed.setFrozenNs(2'000'000);
    thawed.setThawLatencyNs(400'000);
  });
  CHECK(rows("SELECT * FROM freeze") ==
        Rows{"1|request|1||-1||0|500000|2000000|400000|-1|0||1000000|1|2|3|2||2000000|3000000||"});
  CHECK(rows("SELECT * FROM vcpu") ==
        Rows{"1|0|2000000||0xffffffff9f0012a4|halt+0x4|0|0|0x80000001|0|"
             "swapper/0|0|notSaid|1|rt_sched_class|49|50",
             "1|1|2000000||||||||||||||"});
  CHECK(rows("SELECT count(*) FROM vcpu WHERE rip IS NULL") == Rows{"1"});
}

TEST_CASE_METHOD(ProjectionFixture,
                 "a task that waited in a freeze has a row, with its text exact") {
  tape.add([](schema::Record::Builder record) {
    record.initThawed().setFreeze(4);
    auto waiting = record.getThawed().initWaiting();
    waiting.setTotal(1001);
    waiting.setIncomplete(true);
    auto tasks = waiting.initTasks(2);
    tasks[0].setPid(90);
    tasks[0].setComm(as_data(std::string_view("a\\b\xff")));
    tasks[0].setDsq(as_data(std::string_view("SCX_DSQ_LOCAL")));
    tasks[0].setWaitedMs(3120);
    tasks[0].setCpus("0-1,7");
    tasks[0].setLastCpu(7);
    tasks[1].setPid(91);
  });
  tape.add([](schema::Record::Builder record) { record.initThawed().setFreeze(5); });
  CHECK(rows("SELECT * FROM waiting") ==
        Rows{"4|0|1000000||90|a\\\\b\\xff|SCX_DSQ_LOCAL|3120|0-1,7|7", "4|1|1000000||91|||||"});
  CHECK(rows("SELECT freeze, waiting, waiting_missed FROM freeze") == Rows{"4|1001|1", "5||"});
}

TEST_CASE_METHOD(
    ProjectionFixture,
    "the wait of a freeze for a CPU of the host has a column, NULL if it is not known") {
  for (const bool known : {true, false}) {
    tape.add([&](schema::Record::Builder record) {
      auto thawed = record.initThawed();
      thawed.setFreeze(known ? 1 : 2);
      thawed.setWaitedKnown(known);
      thawed.setWaitedNs(9);
    });
  }
  CHECK(rows("SELECT waited_ns FROM freeze") == Rows{"9", ""});
}

}  // namespace ktape::test
