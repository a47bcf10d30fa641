// SPDX-License-Identifier: Apache-2.0
#include "tests/schema/tape/every_kind.h"

#include "schema/wire/data.h"
#include "tests/schema/tape/reference_tape.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

using schema::Record;

void add_freeze(TapeBuilder& tape, uint64_t freeze) {
  const auto page = [&](int fill) {
    return must(tape.writer().add_page(std::vector<std::byte>(4096, std::byte(fill))));
  };
  const int own = static_cast<int>(freeze % 10) * 10;
  const std::vector<FreezePage> rows = {{freeze, 100, 1, page(own)},
                                        {freeze, 101, 1, page(own + 1)},
                                        {freeze, 102, 20, std::nullopt}};
  const PagesKept kept = must(tape.writer().add_freeze_pages(freeze, rows));
  tape.add([&](Record::Builder record) {
    auto thawed = record.initThawed();
    thawed.setFreeze(freeze);
    thawed.setPages(kept.pages);
    thawed.setPagesDigest(as_data(std::span<const std::byte>(kept.digest)));
    auto tasks = thawed.initWaiting().initTasks(2);
    for (uint32_t i = 0; i < tasks.size(); ++i) {
      tasks[i].setPid(static_cast<int32_t>(freeze * 10 + i));
      tasks[i].setComm(as_data("late"));
      tasks[i].setDsq(as_data(i == 0 ? "SCX_DSQ_LOCAL" : "user 0x1f"));
      tasks[i].setWaitedMs(3000 - i);
      tasks[i].setCpus(i == 0 ? "0-1" : "1");
      tasks[i].setLastCpu(static_cast<int32_t>(i));
    }
    thawed.getWaiting().setTotal(2);
  });
}

void add_layouts(TapeBuilder& tape) {
  for (const char* path : {"scx.dsq_vtime", "on_rq"}) {
    tape.add([&](Record::Builder record) {
      auto layout = record.initLayoutUsed();
      layout.setType(as_data("struct task_struct"));
      layout.setPath(path);
      // Beyond 2^63 a column holds a real number.
      layout.setOffsetBytes(0xfedcba9876543210);
    });
  }
}

void add_enables(TapeBuilder& tape) {
  for (uint32_t id : {3u, 4u}) {
    tape.add([&](Record::Builder record) {
      auto attempted = record.initSchedulerAttempted();
      attempted.setId(id);
      attempted.setName(as_data("qmap"));
    });
    tape.add([&](Record::Builder record) {
      auto failed = record.initSchedulerEnableFailed();
      failed.setId(id);
      failed.setKind(1024);
      failed.setReason(as_data("runtime error"));
    });
  }
}

void add_what_is_rare(TapeBuilder& tape, uint64_t other) {
  tape.add([](Record::Builder record) { record.initGuestHello().setOnlineCpus(2); });
  tape.add(
      [](Record::Builder record) { record.initSchedulerOutput().setText(as_data("printed")); });
  tape.add([](Record::Builder record) {
    auto report = record.initWorkerReport();
    report.setName("sleeper");
    report.setPhasesDone(3);
  });
  tape.add([](Record::Builder record) {
    auto deferred = record.initOpDeferred();
    deferred.setOp(1);
    deferred.setReason("not adopted yet");
  });
  tape.add([&](Record::Builder record) {
    auto sample = record.initSample();
    sample.setName("nr_running");
    sample.initTarget().setSymbol("runqueues");
    sample.initValue().setU64(other);
  });
  tape.add([](Record::Builder record) {
    auto chunk = record.initTraceChunk();
    chunk.setPages(as_data("raw"));
    chunk.setInstance(as_data("ktape"));
    chunk.setFreeze(1);
    chunk.setClock(as_data("mono"));
    chunk.initFormats(1)[0].setText(as_data("name: sched_switch\n"));
    chunk.initCounters().setEntries(100);
  });
  tape.add(
      [](Record::Builder record) { record.initGuestPanicked().setText(as_data("Kernel panic")); });
  tape.add([](Record::Builder record) { record.initWatchdogFired().setName("run"); });
  tape.add([](Record::Builder record) { record.initMachineLost().setReason("gone"); });
  tape.add([](Record::Builder record) {
    record.initGuestOops().setText(as_data("kernel BUG at a.c:1!"));
  });
  for (const char* subject : {"topology", "sleeper"}) {
    tape.add([&](Record::Builder record) {
      auto guest_facts = record.initGuestFacts();
      guest_facts.setSubject(subject);
      auto facts = guest_facts.initFacts(2);
      facts[0].setName("cpus");
      facts[1].setName("sockets");
    });
  }
  for (const uint64_t op : {51, 52}) {
    tape.add([&](Record::Builder record) {
      auto reply = record.initOpReplied();
      reply.setOp(op);
      reply.setTries(2);
      auto users = reply.initEntries(1)[0].initLockUsers(2);
      for (uint32_t i = 0; i < users.size(); ++i) {
        users[i].setLock("pi_lock");
        users[i].setRole(i == 0 ? schema::LockRole::HOLDER : schema::LockRole::WAITER);
        users[i].setBasis(i == 0 ? schema::Basis::INFERRED : schema::Basis::OBSERVED);
        users[i].setCpu(static_cast<int32_t>(i));
        users[i].setPid(static_cast<int32_t>(op));
        users[i].setComm(as_data("task"));
        users[i].setSymbol("schedule+0x1");
      }
    });
  }
  tape.add([](Record::Builder record) { record.initSlimmed().setKtapeVersion("0.1.0"); });
  tape.triggers = {{"scx-error", true, 1}, {"symbol:schedule", false, 0}};
  for (const uint64_t freeze : {31, 32}) {
    tape.add([&](Record::Builder record) {
      auto began = record.initFreezeBegan();
      began.setFreeze(freeze);
      auto hits = began.initHits(2);
      for (uint32_t i = 0; i < hits.size(); ++i) {
        hits[i].setVcpu(static_cast<uint32_t>(freeze) * 10 + i);
        hits[i].setTrigger(freeze == 31 ? "symbol:schedule" : "scx-error");
        hits[i].setDetail(as_data("detail"));
      }
    });
  }
  tape.add([](Record::Builder record) {
    auto changed = record.initTriggerChanged();
    changed.setTrigger("symbol:schedule");
    changed.setChange(schema::TriggerChange::ARMED);
    changed.setAddress(0xffffffff81000100);
  });
  for (const uint64_t freeze : {0, 31}) {
    tape.add([&](Record::Builder record) {
      auto delays = record.initRunDelays();
      delays.setFreeze(freeze);
      delays.setStolenKnown(true);
      auto vcpus = delays.initVcpus(2);
      for (uint32_t i = 0; i < vcpus.size(); ++i) {
        vcpus[i].setVcpu(i);
        vcpus[i].setKnown(true);
        vcpus[i].setThread(static_cast<int32_t>(4000 + i));
        vcpus[i].setRanNs(5'000'000);
        vcpus[i].setWaitedNs(other);
      }
    });
    tape.add([&](Record::Builder record) {
      auto seen = record.initClocksourceSeen();
      seen.setName(as_data(freeze == 0 ? "tsc" : "hpet"));
      seen.setFreeze(freeze);
    });
  }
  tape.add([](Record::Builder record) {
    auto counters = record.initLost().initCounters(2);
    counters[0].setName("console_bytes");
    counters[0].setCount(3);
    counters[1].setName("samples");
  });
}

}  // namespace

void record_every_kind(TapeBuilder& tape, uint64_t other) {
  record_reference(tape);
  add_layouts(tape);
  tape.scheduler_attached(2);
  add_enables(tape);
  tape.worker_started("spinner", 72, 4'220'000'000);
  tape.step_started(1, "more");
  add_freeze(tape, 21);
  add_freeze(tape, 22);
  add_what_is_rare(tape, other);
}

}  // namespace ktape::test
