// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <functional>
#include <regex>

#include "schema/base/child.h"
#include "schema/wire/data.h"
#include "tests/replay/fake_tape.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

constexpr char kVtime[] = "task:sleeper.scx.dsq_vtime";
constexpr char kList[] =
    "cpu0:runqueues.scx.runnable_list{list struct task_struct scx.runnable_node 100}.pid";

ChildResult replay(const std::vector<std::string>& arguments) {
  return must(run_child(KTAPE_BIN "/ktape-replay", arguments, 1 << 24));
}

struct ReplayFixture {
  ReplayFixture() : tape(folder.file("run.ktape")) {
    FakeKernel& kernel = tape.kernel();
    kernel.set_task(tape.task(), "scx.dsq_vtime", 4711);
    const GuestVirtual current = kernel.add_task(80, "runs", FakeTape::kStartNs);
    for (uint32_t cpu = 0; cpu < 2; ++cpu)
      kernel.put(kernel.per_cpu("current_task", cpu), current.value, 8);
  }

  // The result of replay for the tape as it is by now.
  ChildResult replayed(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {tape.seal().path};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return replay(arguments);
  }

  // The same for a recorder whose records `edit` changes.
  ChildResult after(std::function<void(schema::Record::Builder)> edit) {
    tape.set_edit(std::move(edit));
    tape.serve({write_u64("set", kVtime, 5000)});
    tape.serve({read_line(kVtime), read_line("jiffies_64:u64")});
    return replayed();
  }

  TempDir folder;
  FakeTape tape;
};

}  // namespace

TEST_CASE_METHOD(ReplayFixture,
                 "a tape is replayed, and every gate and reply is as it was recorded") {
  FakeKernel& kernel = tape.kernel();
  tape.serve({write_u64("set", kVtime, 5000), write_u64("again", kVtime, 6000)});
  tape.serve({read_line(kVtime), read_line("jiffies_64:u64"),
              read_line("cpu1:runqueues.nr_running"), read_line("task:sleeper.scx:whole"),
              read_line("task:99@1.pid"), read_line("jiffies_64:bytes(9)"),
              read_line("task:sleeper.scx.dsq->id")});
  // Refused: it waits in a list. The second entry is not reached.
  kernel.link(kernel.field(kernel.per_cpu("runqueues", 0), "struct rq", "scx.runnable_list"),
              kernel.field(tape.task(), "struct task_struct", "scx.runnable_node"));
  tape.serve({write_u64("refused", kVtime, 7000), write_u64("unreached", kVtime, 8000)});
  tape.defer({read_line(kList)});
  const ChildResult child = replayed();
  INFO(child.output);
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, StartsWith("4 of 4 cold requests replayed: no differences\n"
                                      "compared: 12 entries, 96 gates, evidence of 4 freezes, "));
  CHECK_THAT(child.output, ContainsSubstring("\n1 request: deferred until the kernel was known"));
}

namespace {

// A write that a held runqueue lock refuses twice, and a consistent read that it refuses once.
void serve_in_tries(FakeTape& tape) {
  const auto lock = [&tape](uint64_t word) {
    return [&tape, word] { tape.kernel().set_rq(0, "__lock.raw_lock.val.counter", word); };
  };
  tape.serve_in_tries({write_u64("set", kVtime, 5000)}, {lock(1), lock(1), lock(0)});
  const auto consistent = [](schema::OpEntry::Builder entry) {
    read_line("cpu0:runqueues.nr_running")(entry);
    entry.setConsistent(true);
  };
  tape.serve_in_tries({consistent}, {lock(1), lock(0)});
  tape.serve_in_tries({write_u64("lasting", kVtime, 6000)}, {lock(1), lock(0x100001)});
}

}  // namespace

TEST_CASE_METHOD(ReplayFixture,
                 "each try of a request is replayed, with who may hold the lock that lasts") {
  serve_in_tries(tape);
  const ChildResult child = replayed();
  INFO(child.output);
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output,
             StartsWith("3 of 3 cold requests replayed: no differences\n"
                        "compared: 3 entries, 62 gates, 4 earlier tries, evidence of 7 freezes, "));
}

TEST_CASE_METHOD(ReplayFixture, "a try that was recorded differently is detected") {
  tape.set_edit([](schema::Record::Builder record) {
    if (!record.isGateChecked()) return;
    auto gate = record.getGateChecked();
    if (gate.getOp() == 1 && gate.getTry() == 2 && gate.getGate() == schema::Gate::UNLOCKED)
      gate.setOutcome(schema::GateOutcome::PASSED);
  });
  serve_in_tries(tape);
  const ChildResult child = replayed();
  CHECK(child.exit_status == 1);
  CHECK_THAT(child.output,
             ContainsSubstring("gate unlocked of try 2 of request 1 entry 0 ('set'): outcome: "
                               "recorded \"passed\", computed \"failed\"\n"));
}

TEST_CASE_METHOD(ReplayFixture,
                 "a try after which the current code would not have retried is detected") {
  tape.serve_in_tries({write_u64("set", kVtime, 5000)}, {[] {}, [] {}});
  const ChildResult child = replayed();
  CHECK(child.exit_status == 1);
  CHECK_THAT(child.output,
             ContainsSubstring("try 1 of request 1: outcome: recorded to be tried again, "
                               "computed done\n"));
}

TEST_CASE_METHOD(ReplayFixture, "the recorded holder of a lock is compared with the one found") {
  tape.set_edit([](schema::Record::Builder record) {
    if (record.isOpReplied() && record.getOpReplied().getOp() == 3)
      record.getOpReplied().getEntries()[0].getLockUsers()[0].setCpu(1);
  });
  serve_in_tries(tape);
  const ChildResult child = replayed();
  CHECK(child.exit_status == 1);
  CHECK_THAT(child.output, ContainsSubstring("request 3 entry 0 ('lasting'): lockUsers: "));
}

TEST_CASE_METHOD(ReplayFixture,
                 "a tape of a recorder that tried once is replayed as that recorder served") {
  tape.set_edit([](schema::Record::Builder record) {
    if (record.isFreezeBegan()) record.getFreezeBegan().setTry(0);
    if (record.isGateChecked()) {
      record.getGateChecked().setFreeze(0);
      record.getGateChecked().setTry(0);
    }
    if (!record.isOpReplied()) return;
    record.getOpReplied().setTries(0);
    for (auto entry : record.getOpReplied().getEntries()) {
      const std::string reason = entry.getReason().cStr();
      entry.setReason(reason.substr(0, reason.find("; runqueue lock")));
      entry.setRefusedBy(schema::Gate::NOT_SAID);
      entry.disownLockUsers();
    }
  });
  tape.kernel().set_rq(0, "__lock.raw_lock.val.counter", 1);
  tape.serve({write_u64("refused", kVtime, 7000)});
  const ChildResult child = replayed();
  INFO(child.output);
  CHECK(child.exit_status == 0);
}

TEST_CASE_METHOD(ReplayFixture, "show prints what refused each try, and the number of tries") {
  serve_in_tries(tape);
  const ChildResult child =
      must(run_child(KTAPE_BIN "/ktape-show", {tape.seal().path}, size_t{1} << 20));
  INFO(child.output);
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, ContainsSubstring("freeze 2 for request 1, try 2"));
  CHECK_THAT(child.output,
             ContainsSubstring("tried again: set: gate 11, unlocked: failed: observed"));
  CHECK_THAT(child.output, ContainsSubstring("reply 1: done after 3 tries; the guest ran"));
  // On one line, however long.
  const std::string text = std::regex_replace(child.output, std::regex("\n +"), " ");
  CHECK_THAT(
      text, ContainsSubstring(
                "cpu0:runqueues.nr_running: read runqueues[cpu 0].nr_running as auto, consistent"));
  CHECK_THAT(child.output, ContainsSubstring("reply 3: NOT DONE after 2 tries"));
  CHECK_THAT(text, ContainsSubstring("may be held by CPU 0 in scx_error_irq_workfn"));
}

TEST_CASE_METHOD(ReplayFixture, "what cannot be replayed is counted and reported") {
  tape.serve({read_line("jiffies_64:u64")});
  tape.serve_hot(read_line("jiffies_64:u64"));
  tape.refuse(read_line("jiffies_64:u64"), "the kernel could not be adopted");
  tape.keep_no_memory();
  tape.serve({read_line(kVtime)});
  tape.ask({read_line(kVtime)});
  const ChildResult child = replayed();
  INFO(child.output);
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, StartsWith("1 of 2 cold requests replayed: no differences\n"));
  CHECK_THAT(child.output,
             ContainsSubstring("1 request: not replayed: no memory of the freeze was kept\n"));
  CHECK_THAT(child.output,
             ContainsSubstring("1 request: not replayed: hot, read while the machine ran\n"));
  CHECK_THAT(child.output, ContainsSubstring("1 request: not replayed: refused before a freeze\n"));
  CHECK_THAT(child.output, ContainsSubstring("1 request: not replayed: the tape has no reply\n"));
}

TEST_CASE_METHOD(ReplayFixture, "replay is inconclusive if nothing can be replayed") {
  tape.keep_no_memory();
  tape.serve({read_line(kVtime)});
  const ChildResult child = replayed();
  CHECK(child.exit_status == 77);
  CHECK_THAT(child.output,
             StartsWith("0 of 1 cold request replayed: no differences in what else could be "
                        "compared\n"));
}

TEST_CASE_METHOD(ReplayFixture, "a request that needs what was not captured differs in nothing") {
  const uint64_t frame =
      must(tape.kernel().kernel().translate(tape.kernel().memory(), tape.task())).value / 4096;
  tape.keep_frames([=](uint64_t kept) { return kept != frame; });
  tape.serve({read_line("jiffies_64:u64")});
  tape.serve({read_line("jiffies_64:u64"), read_line(kVtime)});
  tape.serve({write_u64("set", kVtime, 5000)});
  const ChildResult child = replayed();
  INFO(child.output);
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output,
             StartsWith("1 of 3 cold requests replayed: no differences\ncompared: 2 entries"));
  CHECK_THAT(
      child.output,
      ContainsSubstring("2 requests: not replayed: something that they needed was not captured\n"));
}

TEST_CASE_METHOD(ReplayFixture, "a recorder's wrong value is detected, by record and field") {
  const ChildResult child = after([](schema::Record::Builder record) {
    if (!record.isOpReplied() || record.getOpReplied().getOp() != 2) return;
    record.getOpReplied().getEntries()[0].getValue().setU64(5001);
  });
  CHECK(child.exit_status == 1);
  CHECK_THAT(child.output,
             ContainsSubstring(": request 2 entry 0 ('task:sleeper.scx.dsq_vtime'): value: "
                               "recorded 5001, computed 5000\n"));
  CHECK_THAT(child.output, ContainsSubstring("2 of 2 cold requests replayed: 1 difference\n"));
}

TEST_CASE_METHOD(ReplayFixture, "every field of a reply counts, except the host's time") {
  using Edit = std::function<void(schema::EntryReply::Builder)>;
  const auto edited = [&](const Edit& edit) {
    return after([edit](schema::Record::Builder record) {
      if (record.isOpReplied() && record.getOpReplied().getOp() == 1)
        edit(record.getOpReplied().getEntries()[0]);
    });
  };
  const auto names = [&](const Edit& edit, const std::string& field) {
    const ChildResult child = edited(edit);
    CHECK(child.exit_status == 1);
    CHECK_THAT(child.output, ContainsSubstring("entry 0 ('set'): " + field));
  };
  SECTION("status") {
    names([](auto entry) { entry.setStatus(schema::EntryStatus::FAILED); },
          "status: recorded \"failed\", computed \"done\"");
  }
  SECTION("before") {
    names([](auto entry) { entry.getBefore().setU64(1); }, "before: recorded 1, computed 4711");
  }
  SECTION("reason") {
    names([](auto entry) { entry.setReason("x"); }, "reason: recorded 'x', computed ''");
  }
  SECTION("virtual address") {
    names([](auto entry) { entry.setVirtualAddress(16); }, "virtualAddress: recorded 0x10,");
  }
  SECTION("physical address") {
    names([](auto entry) { entry.setPhysicalAddress(16); }, "physicalAddress: recorded 0x10,");
  }
  SECTION("type") {
    names([](auto entry) { entry.setType(as_data("u32")); },
          "type: recorded 'u32', computed 'u64'");
  }
  SECTION("width") {
    names([](auto entry) { entry.setWidthBytes(4); }, "widthBytes: recorded 4, computed 8");
  }
  SECTION("protecting CPU") {
    names([](auto entry) { entry.setProtectingCpu(7); }, "protectingCpu: recorded 7, computed 0");
  }
  SECTION("note") {
    names([](auto entry) { entry.setNote("x"); }, "note: recorded 'x', computed ''");
  }
  SECTION("time") {
    CHECK(edited([](auto entry) { entry.setElapsedNs(123456789); }).exit_status == 0);
  }
}

TEST_CASE_METHOD(ReplayFixture,
                 "a gate that was recorded differently is detected, by record and gate") {
  const ChildResult child = after([](schema::Record::Builder record) {
    if (!record.isGateChecked() || record.getGateChecked().getOp() != 1) return;
    if (record.getGateChecked().getGate() == schema::Gate::POLICY) {
      record.getGateChecked().setOutcome(schema::GateOutcome::FAILED);
    }
    if (record.getGateChecked().getGate() == schema::Gate::ALIVE) {
      record.getGateChecked().setObserved(as_data("nothing"));
    }
  });
  CHECK(child.exit_status == 1);
  CHECK_THAT(child.output,
             ContainsSubstring("gate policy of request 1 entry 0 ('set'): outcome: recorded "
                               "\"failed\", computed \"passed\"\n"));
  CHECK_THAT(child.output,
             ContainsSubstring("gate alive of request 1 entry 0 ('set'): observed: recorded "
                               "'nothing', computed 'state=0x2001'\n"));
}

TEST_CASE_METHOD(ReplayFixture,
                 "evidence and layouts that were recorded differently are detected") {
  const ChildResult child = after([](schema::Record::Builder record) {
    if (record.isFrozen() && record.getFrozen().getFreeze() == 1) {
      record.getFrozen().getVcpus()[1].setCurrentPid(81);
    }
    if (record.isLayoutUsed() &&
        std::string(record.getLayoutUsed().getPath().cStr()) == "scx.dsq_vtime") {
      record.getLayoutUsed().setOffsetBytes(1);
    }
  });
  CHECK(child.exit_status == 1);
  CHECK_THAT(child.output,
             ContainsSubstring("freeze 1 CPU 1: currentPid: recorded 81, computed 80\n"));
  CHECK_THAT(child.output,
             ContainsSubstring("layout of struct task_struct scx.dsq_vtime: offsetBytes: "
                               "recorded 1, computed 216\n"));
}

TEST_CASE_METHOD(ReplayFixture,
                 "the registers of a vCPU, which are not in memory, are not compared") {
  const ChildResult child = after([](schema::Record::Builder record) {
    if (record.isFrozen())
      record.getFrozen().getVcpus()[0].initRegisters().setRsp(0xffffffff82003e80);
  });
  CHECK(child.exit_status == 0);
}

TEST_CASE_METHOD(ReplayFixture,
                 "a difference beyond the shown part of a long value is shown in its place") {
  tape.set_edit([](schema::Record::Builder record) {
    if (!record.isOpReplied()) return;
    auto bytes = record.getOpReplied().getEntries()[0].getValue().getBytes();
    bytes[bytes.size() - 1] ^= 1;
  });
  tape.serve({read_line("task:sleeper:whole")});
  const ChildResult child = replayed();
  CHECK(child.exit_status == 1);
  CHECK_THAT(child.output, ContainsSubstring("value: recorded ...00000000000000001\"}, computed "
                                             "...00000000000000000\"}\n"));
}

TEST_CASE_METHOD(ReplayFixture, "replay as JSON names each difference") {
  tape.set_edit([](schema::Record::Builder record) {
    if (record.isOpReplied()) record.getOpReplied().getEntries()[0].getValue().setU64(1);
  });
  tape.serve({read_line("jiffies_64:u64")});
  const ChildResult child = replayed({"--json"});
  CHECK(child.exit_status == 1);
  CHECK_THAT(child.output, StartsWith("{\"format\":1,\"requests\":\"1\",\"replayed\":\"1\","));
  CHECK_THAT(
      child.output,
      ContainsSubstring("\"what\":\"request 1 entry 0 ('jiffies_64:u64')\",\"field\":\"value\","
                        "\"recorded\":\"1\",\"computed\":\"4294892296\"}]"));
}

TEST_CASE_METHOD(
    ReplayFixture,
    "the state at a record has steps, workers, schedulers and what waited for its reply") {
  const Seq served = tape.serve({read_line(kVtime)});
  const Seq waiting = tape.ask({read_line("jiffies_64:u64"), read_line(kVtime)});
  tape.builder().step_finished(0);
  const Seq last = tape.builder().scheduler_exited(1);
  const std::string path = tape.seal().path;
  const auto state = [&](uint64_t seq) {
    return replay({path, "--state-at", std::to_string(seq)});
  };
  CHECK(state(2).exit_status == 0);
  CHECK_THAT(state(2).output, ContainsSubstring("requests    0 served, 0 pending\n"));
  REQUIRE(served.value > 8);
  const std::string frozen = state(8).output;  // freezeBegan follows the request, which is record 6
  CHECK_THAT(frozen, ContainsSubstring(
                         "machine     frozen in freeze 1\nrequests    0 served, 1 pending\n"));
  CHECK_THAT(frozen, ContainsSubstring(
                         "  request 1, cold, 1 read: task:sleeper.scx.dsq_vtime, since seq "));
  const std::string middle = state(waiting.value).output;
  CHECK_THAT(middle, ContainsSubstring("STEPS\n  0 look: running since seq 5\n"));
  CHECK_THAT(middle, ContainsSubstring("  sleeper: pid 77, policy normal, started\n"));
  CHECK_THAT(middle, ContainsSubstring("  1 ktape_vtime, full switch, attached\n"));
  CHECK_THAT(middle, ContainsSubstring(
                         "  request 2, cold, 2 reads: jiffies_64:u64, task:sleeper.scx.dsq_vtime"));
  CHECK_THAT(middle, ContainsSubstring(", deferred\n"));
  const std::string end = state(last.value).output;
  CHECK_THAT(end, ContainsSubstring("  0 look: done since seq "));
  CHECK_THAT(end, ContainsSubstring("  1 ktape_vtime, full switch, exited, SCX_EXIT_UNREG (64)\n"));
  CHECK_THAT(replay({path, "--state-at", std::to_string(waiting.value), "--json"}).output,
             ContainsSubstring("\"pending\":[{\"op\":\"2\",\"requested\":\""));
  CHECK(state(10000).exit_status == 2);
  CHECK(state(0).exit_status == 2);
}

TEST_CASE_METHOD(ReplayFixture, "a run without cold requests is reported as one") {
  const ChildResult none = replayed();
  CHECK(none.exit_status == 77);
  CHECK_THAT(none.output,
             StartsWith("the run has no cold request to replay: nothing could be compared\n"));
}

TEST_CASE(
    "replay has exit status 3 for a file that is not a tape and 77 for a tape without a kernel") {
  CHECK(replay({"/nonexistent"}).exit_status == 3);
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started();
  CHECK(replay({builder.seal().path}).exit_status == 77);
  CHECK_THAT(replay({"--help"}).output,
             ContainsSubstring("Exit status: 0 everything that could be replayed"));
}

}  // namespace ktape::test
