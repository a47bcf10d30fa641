// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <regex>
#include <set>

#include "schema/base/file.h"
#include "schema/tape/verify/verify.h"
#include "schema/wire/data.h"
#include "tests/schema/tape/every_kind.h"
#include "tests/schema/tape/projection/projection_fixture.h"
#include "tests/support/must.h"

// schema/views.sql, on records whose answers are known. docs/sql.md shows the views on tapes of
// real kernels.

namespace ktape::test {

namespace {

std::string views() {
  return must(read_text_file(std::string(KTAPE_SOURCE_DIR) + "/schema/views.sql", 1 << 20));
}

std::vector<std::string> names_of_views() {
  const std::string text = views();
  static const std::regex kView("CREATE TEMP VIEW IF NOT EXISTS (\\w+) AS");
  std::vector<std::string> names;
  for (std::sregex_iterator at(text.begin(), text.end(), kView); at != std::sregex_iterator(); ++at)
    names.push_back((*at)[1]);
  return names;
}

// As docs/sql.md does it with sed for an attached tape: the views are named NAME_freezes.
std::string views_of(const std::string& name) {
  const std::string own = std::regex_replace(views(), std::regex("main\\."), name + ".");
  return std::regex_replace(own, std::regex("IF NOT EXISTS "), "IF NOT EXISTS " + name + "_");
}

class ViewsFixture : public ProjectionFixture {
 public:
  Rows view(const std::string& query) { return rows(views() + query); }

  void add_freeze(uint64_t freeze, const std::function<void(schema::FreezeBegan::Builder)>& began,
                  const std::function<void(schema::Thawed::Builder)>& thawed) {
    tape.add([&](schema::Record::Builder record) {
      record.initFreezeBegan().setFreeze(freeze);
      began(record.getFreezeBegan());
    });
    tape.add([&](schema::Record::Builder record) {
      record.initFrozen().setFreeze(freeze);
      record.getFrozen().setStopLatencyNs(462'000);
      auto vcpus = record.getFrozen().initVcpus(2);
      for (uint32_t i = 0; i < 2; ++i) {
        vcpus[i].setCpu(i);
        vcpus[i].setKnown(true);
        vcpus[i].setKernelStateKnown(true);
        vcpus[i].setCpl(i == 0 ? 0 : 3);
        vcpus[i].setSymbol(i == 0 ? "schedule+0x1" : "");
        vcpus[i].setContext(schema::ExecContext::TASK);
        vcpus[i].setCurrentPid(static_cast<int32_t>(70 + i));
        vcpus[i].setCurrentComm(as_data(std::string_view(i == 0 ? "busy" : "user")));
        vcpus[i].setCurrentPolicy(7);
        vcpus[i].setCurrentClass("ext_sched_class");
      }
    });
    tape.add([&](schema::Record::Builder record) {
      record.initThawed().setFreeze(freeze);
      record.getThawed().setFrozenNs(842'500);
      thawed(record.getThawed());
    });
  }
};

void read_of(schema::OpEntry::Builder entry, const std::string& tag, int32_t pid,
             const std::string& path) {
  entry.setTag(tag);
  entry.setRead(schema::ValueKind::AUTO);
  task_target(tag.substr(0, tag.find('.')), pid, 1, path)(entry.initTarget());
}

}  // namespace

TEST_CASE("each view can be made twice, and asked, on a tape of every kind of record") {
  TempDir dir;
  const std::string path = dir.file("run.ktape");
  {
    TapeBuilder tape(path);
    record_every_kind(tape);
    tape.seal();
  }
  CHECK(names_of_views().size() == 10);
  for (const std::string& name : names_of_views()) {
    INFO(name);
    CHECK_NOTHROW(sql_rows(path, views() + views() + "SELECT * FROM " + name));
  }
  CHECK(must(verify(path, std::nullopt)).integrity == Integrity::kIntact);
}

TEST_CASE("the views of two attached tapes are told apart by their names") {
  TempDir dir;
  std::string attach;
  for (const std::string name : {"old", "new"}) {
    const std::string path = dir.file(name + ".ktape");
    TapeBuilder tape(path);
    tape.run_started();
    tape.step_started(0, "a step of " + name);
    tape.step_finished(0);
    tape.seal();
    attach += "ATTACH '" + path + "' AS " + name + ";" + views_of(name);
  }
  for (const std::string& name : names_of_views()) {
    INFO(name);
    CHECK_NOTHROW(sql_rows(":memory:", attach + "SELECT * FROM old_" + name));
  }
  CHECK(sql_rows(":memory:", attach + "SELECT o.name, n.name, n.host_ms FROM old_steps AS o "
                                      "JOIN new_steps AS n USING (step)") ==
        Rows{"a step of old|a step of new|1.0"});
}

TEST_CASE_METHOD(ViewsFixture, "freezes says how long each was, and why") {
  const auto as_it_is = [](schema::Thawed::Builder) {};
  add_freeze(
      1,
      [](auto began) {
        began.setCause(schema::FreezeCause::TRIGGER);
        began.setTrigger("scx-error");
        began.setVcpu(1);
        began.setDetail(as_data(std::string_view("runnable task stall")));
      },
      [](auto thawed) {
        thawed.setWaitedKnown(true);
        thawed.setWaitedNs(5'000);
        thawed.initWaiting().setTotal(3);
      });
  add_freeze(
      2,
      [](auto began) {
        began.setCause(schema::FreezeCause::PERIODIC);
        began.setInterval(4);
      },
      as_it_is);
  add_freeze(
      3,
      [](auto began) {
        began.setCause(schema::FreezeCause::REQUEST);
        began.setOp(9);
        began.setTry(2);
      },
      as_it_is);
  CHECK(view("SELECT freeze, at_s, why, stopping_us, frozen_us, host_waited_us, waiting "
             "FROM freezes") ==
        Rows{"1|0.002|scx-error on CPU 1: runnable task stall|462.0|842.5|5.0|3",
             "2|0.005|interval 4|462.0|842.5||", "3|0.008|request 9, try 2|462.0|842.5||"});
  CHECK(view("SELECT freeze, cpu, task, policy, class, context, place FROM cpus LIMIT 2") ==
        Rows{"1|0|busy[70]|ext|ext_sched_class|task|schedule+0x1",
             "1|1|user[71]|ext|ext_sched_class|task|user space"});
}

TEST_CASE_METHOD(ViewsFixture, "waits has the waiting tasks that the recorder found") {
  add_freeze(
      1, [](auto began) { began.setCause(schema::FreezeCause::PERIODIC); },
      [](auto thawed) {
        auto tasks = thawed.initWaiting().initTasks(2);
        tasks[0].setPid(81);
        tasks[0].setComm(as_data(std::string_view("kworker\x01")));
        tasks[0].setDsq(as_data(std::string_view("user 0x1f")));
        tasks[0].setWaitedMs(3120);
        tasks[0].setCpus("0-1");
        tasks[0].setLastCpu(1);
        tasks[1].setPid(82);
      });
  CHECK(view("SELECT * FROM waits") ==
        Rows{"1|1|kworker\\x01[81]|3120|user 0x1f|0-1|1|memory", "1|2|[82]|||||memory"});
}

TEST_CASE_METHOD(ViewsFixture, "waits falls back on what the recorder read of the workers") {
  tape.run_started();
  tape.add([](schema::Record::Builder record) { record.initKernelIdentified().setHz(250); });
  add_freeze(
      1,
      [](auto began) {
        began.setCause(schema::FreezeCause::TRIGGER);
        began.setOp(1);
      },
      [](auto) {});
  // `busy` runs (see add_freeze), `fair` is not of sched_ext, `asleep` is on no runqueue.
  struct Task {
    const char* name;
    int32_t pid;
    uint64_t on_rq, since, dsq, mask;
  };
  const std::vector<Task> tasks = {{"late", 90, 1, 1250, 31, 0b1011},
                                   {"later", 91, 1, 1000, 0x8000000000000002, ~uint64_t{0}},
                                   {"last", 94, 1, 1400, 0, 0x8000000000000002},
                                   {"gone", 95, 1, 1450, ~uint64_t{0}, 16},
                                   {"busy", 70, 1, 1, 0, 1},
                                   {"fair", 92, 1, 1, 0, 1},
                                   {"asleep", 93, 0, 1, 0, 1}};
  constexpr unsigned kOf = 4;  // reads of a task
  tape.add([&](schema::Record::Builder record) {
    auto request = record.initOpRequested();
    request.setOp(1);
    auto entries = request.initEntries(static_cast<unsigned>(1 + kOf * tasks.size()));
    entries[0].setTag("jiffies_64");
    entries[0].initTarget().setSymbol("jiffies_64");
    for (unsigned i = 0; i < tasks.size(); ++i) {
      const std::string name = tasks[i].name;
      read_of(entries[1 + kOf * i], name + ".on_rq", tasks[i].pid, "on_rq");
      read_of(entries[2 + kOf * i], name + ".since", tasks[i].pid, "scx.runnable_at");
      read_of(entries[3 + kOf * i], name + ".dsq", tasks[i].pid, "scx.dsq->id");
      read_of(entries[4 + kOf * i], name + ".mask", tasks[i].pid, "cpus_mask.bits[0]");
    }
  });
  tape.add([](schema::Record::Builder record) {
    auto gate = record.initGateChecked();
    gate.setOp(1);
    gate.setEntry(1 + kOf * 5);
    gate.setGate(schema::Gate::SCHED_CLASS);
    gate.setOutcome(schema::GateOutcome::FAILED);
  });
  tape.add([&](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(1);
    reply.setFreeze(1);
    auto entries = reply.initEntries(static_cast<unsigned>(1 + kOf * tasks.size()));
    for (auto entry : entries) entry.setStatus(schema::EntryStatus::DONE);
    entries[0].initValue().setU64(1500);
    for (unsigned i = 0; i < tasks.size(); ++i) {
      entries[1 + kOf * i].initValue().setU32(static_cast<uint32_t>(tasks[i].on_rq));
      entries[2 + kOf * i].initValue().setU64(tasks[i].since);
      entries[3 + kOf * i].initValue().setU64(tasks[i].dsq);
      entries[4 + kOf * i].initValue().setU64(tasks[i].mask);
    }
  });
  // DSQs and CPUs in the words that `memory` has; the machine has two CPUs.
  CHECK(view("SELECT freeze, rank, task, waited_ms, dsq, cpus, source FROM waits") ==
        Rows{"1|1|later[91]|2000|SCX_DSQ_LOCAL|0-1|reads", "1|2|late[90]|1000|user 0x1f|0-1|reads",
             "1|3|last[94]|400|user 0x0|1|reads",
             "1|4|gone[95]|200|18446744073709551615|none|reads"});
  CHECK(view("SELECT n, value, number, change FROM series WHERE tag = 'late.since'") ==
        Rows{"1|1250|1250|"});
}

TEST_CASE_METHOD(ViewsFixture, "series orders the values of a tag, and counts only those it can") {
  TapeEntry entry{.tag = "ticks", .target = symbol_target("jiffies_64")};
  for (const uint64_t value : {uint64_t{100}, uint64_t{130}, ~uint64_t{0}, uint64_t{7}}) {
    entry.value = value;
    tape.op({entry});
  }
  tape.add([](schema::Record::Builder record) {
    auto sample = record.initSample();
    sample.setName("load");
    task_target("late", 90, 1, "scx.weight")(sample.initTarget());
    sample.initValue().setU32(5);
  });
  CHECK(view("SELECT n, value, number, change FROM series WHERE tag = 'ticks'") ==
        Rows{"1|100|100|", "2|130|130|30", "3|18446744073709551615||", "4|7|7|"});
  CHECK(view("SELECT action, worker, path, number FROM series WHERE tag = 'load'") ==
        Rows{"sample|late|scx.weight|5"});
}

TEST_CASE_METHOD(ViewsFixture, "refusals names the gate, what it saw and how the op ended") {
  TapeEntry entry{
      .tag = "vtime", .target = task_target("late", 90, 1, "scx.dsq_vtime"), .write = 5};
  entry.status = schema::EntryStatus::REFUSED;
  tape.op({entry});
  using schema::GateOutcome;
  const auto gate = [&](schema::Gate of, GateOutcome outcome, bool enforced) {
    tape.add([&](schema::Record::Builder record) {
      auto checked = record.initGateChecked();
      checked.setOp(1);
      checked.setGate(of);
      checked.setOutcome(outcome);
      checked.setEnforced(enforced);
      checked.setObserved(as_data(std::string_view("on_rq 1")));
    });
  };
  gate(schema::Gate::ALIVE, GateOutcome::PASSED, true);
  gate(schema::Gate::OFF_RUNQUEUE, GateOutcome::FAILED, true);
  gate(schema::Gate::SCHED_CLASS, GateOutcome::FAILED, false);
  CHECK(view("SELECT op, tag, gate, observed, ended FROM refusals") ==
        Rows{"1|vtime|offRunqueue|on_rq 1|refused"});
}

TEST_CASE_METHOD(ViewsFixture, "schedulers has attaches, exits and enables that failed") {
  tape.scheduler_attached(1);
  tape.add([](schema::Record::Builder record) {
    auto failed = record.initSchedulerEnableFailed();
    failed.setId(2);
    failed.setReason(as_data(std::string_view("runtime error")));
  });
  tape.scheduler_exited(1, 1026);
  CHECK(view("SELECT id, name, attached_s, exited_s, attached_ms, exit_kind, exit_reason "
             "FROM schedulers")[0]
            .starts_with("1|ktape_vtime|0.001|0.003|2.0|1026|"));
  CHECK(view("SELECT id, exited_s, exit_reason FROM schedulers WHERE id = 2") ==
        Rows{"2|0.002|not enabled: runtime error"});
}

TEST_CASE_METHOD(ViewsFixture, "steps has both clocks, and the time frozen") {
  const auto step = [&](uint64_t host, uint64_t guest, bool started) {
    must(tape.writer().append(HostNs(host), GuestNs(guest), [&](schema::Record::Builder record) {
      if (started) {
        record.initStepStarted().setName("hold");
      } else {
        record.initStepFinished().setOk(true);
      }
    }));
  };
  step(500'000, 9'000'000, true);
  add_freeze(
      1, [](auto) {}, [](auto) {});
  step(20'500'000, 26'000'000, false);
  CHECK(view("SELECT step, name, ok, host_ms, guest_ms, freezes, frozen_ms FROM steps") ==
        Rows{"0|hold|1|20.0|17.0|1|0.843"});
}

TEST_CASE_METHOD(ViewsFixture, "ejection_console shows a second before and after") {
  const auto console = [&](uint64_t host, const char* text) {
    must(tape.writer().append(HostNs(host), GuestNs(0), [&](schema::Record::Builder record) {
      record.initConsole().setText(as_data(std::string_view(text)));
    }));
  };
  console(500'000'000, "long before");
  console(1'600'000'000, "before");
  const auto exited = [&](uint64_t host, uint64_t id, uint64_t kind) {
    must(tape.writer().append(HostNs(host), GuestNs(0), [&](schema::Record::Builder record) {
      record.initSchedulerExited().setId(id);
      record.getSchedulerExited().setKind(kind);
    }));
  };
  exited(1'900'000'000, 2, 64);  // SCX_EXIT_UNREG
  exited(2'000'000'000, 1, 1026);
  console(2'300'000'000, "after");
  console(3'000'000'001, "long after");
  must(tape.writer().append(HostNs(3'000'000'002), GuestNs(0), [](schema::Record::Builder record) {
    record.initSchedulerAttached().setId(1);
    record.getSchedulerAttached().setName(as_data(std::string_view("qmap")));
  }));
  must(tape.writer().seal(HostNs(4'000'000'000), [](schema::Sealed::Builder) {}));
  CHECK(sql_rows(path, views() + "SELECT ejection, after_ms, text FROM ejection_console") ==
        Rows{"exit of qmap|-400.0|before", "exit of qmap|300.0|after"});
}

TEST_CASE_METHOD(ViewsFixture, "run_delays has the windows between the readings of each vCPU") {
  for (const uint64_t reading : {0, 1}) {
    tape.add([&](schema::Record::Builder record) {
      auto vcpus = record.initRunDelays().initVcpus(2);
      record.getRunDelays().setFreeze(reading);
      for (uint32_t i = 0; i < 2; ++i) {
        vcpus[i].setVcpu(i);
        vcpus[i].setKnown(true);
        vcpus[i].setRanNs(1'000'000 + reading * 700'000);
        vcpus[i].setWaitedNs(reading * 250'000 * i);
      }
    });
  }
  CHECK(view("SELECT * FROM run_delays") ==
        Rows{"0|0.001|0.002|0.7|0.0|0.0||1", "1|0.001|0.002|0.7|0.25|25.0||1"});
}

TEST_CASE_METHOD(ViewsFixture, "losses has each counter once") {
  for (const uint64_t count : {2, 5}) {
    tape.add([&](schema::Record::Builder record) {
      auto counter = record.initLost().initCounters(1)[0];
      counter.setName("console_bytes");
      counter.setCount(count);
      counter.setDescription("console text over the limit");
    });
  }
  CHECK(view("SELECT * FROM losses") == Rows{"console_bytes|5|console text over the limit|2"});
}

}  // namespace ktape::test
