// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "capture/freeze/request_server.h"
#include "schema/tape/verify/verify.h"
#include "schema/wire/data.h"
#include "tests/capture/freeze/retry_fixture.h"

// An op that is refused for a moment is retried while the guest runs.
namespace ktape::test {

using schema::Outcome;

TEST_CASE_METHOD(Retry, "a write that a held runqueue lock refuses is done once the lock is free") {
  lock_runqueue(0);
  after_thaw(3, [this] { lock_runqueue(0, false); });
  write_sleeper(1, 1000);
  CHECK(run().outcome == Outcome::COMPLETED);
  CHECK(replies.at(0).ok);
  CHECK(vtime_of(sleeper) == 1000);
  const SeenReply reply = only_reply();
  CHECK(reply.tries == 4);
  CHECK(reply.freeze == 4);
  CHECK(reply.waited_ns >= 7'000'000);  // 1, 2 and 4 ms
  const std::vector<SeenTry> seen = tries();
  REQUIRE(seen.size() == 4);
  for (uint32_t i = 0; i < 4; ++i) {
    CHECK(seen[i].number == i + 1);
    CHECK(seen[i].gates.at(0) == 12);
    CHECK(seen[i].refused.contains({0, Gate::UNLOCKED}) == (i < 3));
  }
  CHECK(must(verify(tape(), std::nullopt)).integrity == Integrity::kIntact);
}

TEST_CASE_METHOD(
    Retry,
    "conditions that pass are waited for: pi_lock, a wake-up, a dispatch, a task about to sleep") {
  struct Passing {
    std::string_view field;
    uint64_t during, after;
    Gate gate;
  };
  const Passing passing = GENERATE(Passing{"pi_lock.raw_lock.val.counter", 1, 0, Gate::UNLOCKED},
                                   Passing{"__state", kWaking, kInterruptible, Gate::SETTLED},
                                   Passing{"scx.ops_state.counter", 1, 0, Gate::NO_DISPATCH},
                                   Passing{"on_rq", 1, 0, Gate::OFF_RUNQUEUE},
                                   Passing{"on_cpu", 1, 0, Gate::OFF_RUNQUEUE},
                                   Passing{"scx.dsq", 0xffff888000001000, 0, Gate::NOT_QUEUED});
  kernel.set_task(sleeper, passing.field, passing.during);
  after_thaw(1, [&] { kernel.set_task(sleeper, passing.field, passing.after); });
  write_sleeper(1, 1000);
  CHECK(run().outcome == Outcome::COMPLETED);
  INFO(passing.field);
  CHECK(replies.at(0).ok);
  CHECK(only_reply().tries == 2);
  CHECK(tries().at(0).refused == std::set<std::pair<uint32_t, Gate>>{{0, passing.gate}});
}

TEST_CASE_METHOD(Retry, "a refusal that does not pass is final at once") {
  struct Lasting {
    std::string_view field;
    uint64_t value;
    Gate gate;
  };
  const Lasting lasting =
      GENERATE(Lasting{"policy", 1, Gate::POLICY},
               Lasting{"start_boottime", kTaskStartNs * 2, Gate::IDENTITY},
               Lasting{"sched_class", 0, Gate::SCHED_CLASS}, Lasting{"scx.flags", 0, Gate::ENABLED},
               Lasting{"__state", 0x80, Gate::ALIVE});
  kernel.set_task(sleeper, lasting.field, lasting.value);
  lock_runqueue(0);  // which would pass
  write_sleeper(1, 1000);
  (void)run();
  INFO(lasting.field);
  CHECK(replies.at(0).statuses == std::vector{EntryStatus::REFUSED});
  CHECK(only_reply().tries == 1);
  CHECK(tries().at(0).refused.contains({0, lasting.gate}));
  CHECK(machine().freezes() == 1);
}

TEST_CASE_METHOD(Retry, "a runnable task is refused at once, by gate 4 or 5") {
  kernel.set_task(sleeper, "__state", 0);
  kernel.set_task(sleeper, "on_rq", 1);
  kernel.set_task(sleeper, "scx.dsq", 0xffff888000001000);
  write_sleeper(1, 1000);
  (void)run();
  CHECK(only_reply().tries == 1);
  CHECK(only_reply().refused_by == std::vector{Gate::OFF_RUNQUEUE});
}

TEST_CASE_METHOD(
    Retry, "a lasting refusal is final after the time is up, and says who may hold the lock") {
  lock_runqueue(0);
  kernel.set_rq(0, "__lock.raw_lock.val.counter",
                1 | 1 << 8 | 2 << 18);  // pending, and CPU 1 queued
  VcpuRegisters in_kernel;              // with interrupts off
  in_kernel.rip = kernel.symbol("scx_error_irq_workfn").value + 3;
  machine().set_registers({in_kernel, in_kernel});
  write_sleeper(1, 1000, 20);
  CHECK(run().outcome == Outcome::COMPLETED);
  CHECK(replies.at(0).statuses == std::vector{EntryStatus::REFUSED});
  CHECK(vtime_of(sleeper) == 0);
  const SeenReply reply = only_reply();
  CHECK(reply.tries >= 2);
  CHECK(reply.tries <= 6);  // after 0, 1, 3, 7, 15 and 20 ms
  CHECK(reply.waited_ns >= 20'000'000);
  CHECK(reply.refused_by == std::vector{Gate::UNLOCKED});
  using schema::LockRole;
  CHECK(reply.users == std::vector<std::pair<LockRole, int32_t>>{
                           {LockRole::HOLDER, 0}, {LockRole::WAITER, -1}, {LockRole::WAITER, 1}});
  CHECK(reply.reasons[0].starts_with(
      "gate 11 (unlocked) refuses: observed pi_lock=free rq_lock=held cpu=0, expected pi_lock=free "
      "rq_lock=free; runqueue lock of CPU 0: may be held by CPU 0 in scx_error_irq_workfn+0x3"));
  CHECK(reply.reasons[0].find(
            "(inferred: in the kernel with interrupts off), one CPU waits to be the next "
            "(observed), CPU 1 in ") != std::string::npos);
  CHECK(replies.at(0).reasons == reply.reasons);
}

TEST_CASE_METHOD(Retry, "without time a request is tried once") {
  lock_runqueue(0);
  write_sleeper(1, 1000, 0);
  (void)run();
  CHECK(only_reply().tries == 1);
  CHECK(only_reply().waited_ns == 0);
  CHECK(machine().freezes() == 1);
}

TEST_CASE_METHOD(
    Retry, "a batch whose second write is refused for a moment is untouched until both are done") {
  lock_runqueue(1);  // that of the second task
  uint64_t first_meanwhile = 1;
  after_thaw(2, [&] {
    first_meanwhile = vtime_of(sleeper);
    lock_runqueue(1, false);
  });
  write_both(1, 1000);
  CHECK(run().outcome == Outcome::COMPLETED);
  CHECK(first_meanwhile == 0);
  CHECK(vtime_of(sleeper) == 1000);
  CHECK(vtime_of(other) == 1000);
  CHECK(only_reply().tries == 3);
  for (const SeenTry& seen : tries())
    CHECK(seen.gates == std::map<uint32_t, size_t>{{0, 12}, {1, 12}});
}

TEST_CASE_METHOD(Retry, "a batch that a gate refuses for good writes nothing, before or after it") {
  kernel.set_task(other, "policy", 1);
  lock_runqueue(0);  // of the first, which would pass
  write_both(1, 1000);
  (void)run();
  const SeenReply reply = only_reply();
  CHECK(reply.tries == 1);
  CHECK(reply.statuses == std::vector{EntryStatus::NOT_REACHED, EntryStatus::REFUSED});
  CHECK(reply.reasons[0] == "a later write of the batch was refused, so nothing was written");
  CHECK(vtime_of(sleeper) == 0);
}

TEST_CASE_METHOD(Retry, "requests that come while one waits are served after it, in order") {
  lock_runqueue(0);
  after_freeze(3, [this] { lock_runqueue(0, false); });
  wanted = 4;
  write_sleeper(1, 1000);
  write_sleeper(2, 2000);
  read_symbol(3, "jiffies", "jiffies_64");
  write_sleeper(4, 3000);
  CHECK(run().outcome == Outcome::COMPLETED);
  REQUIRE(replies.size() == 4);
  for (uint64_t i = 0; i < 4; ++i) {
    CHECK(replies[i].request == i + 1);
    CHECK(replies[i].ok);
  }
  CHECK(vtime_of(sleeper) == 3000);
  CHECK(std::ranges::count(kinds(), Record::OP_DEFERRED) == 3);
}

TEST_CASE_METHOD(Retry, "more requests than are kept while one waits are refused") {
  lock_runqueue(0);
  after_freeze(2, [this] { lock_runqueue(0, false); });
  constexpr uint64_t kAsked = 70;
  wanted = kAsked;
  for (uint64_t id = 1; id <= kAsked; ++id) write_sleeper(id, id);
  CHECK(run().outcome == Outcome::COMPLETED);
  CHECK(std::ranges::count_if(replies, &HeardReply::ok) == 64);
  for (const HeardReply& reply : replies) {
    if (!reply.ok)
      CHECK(reply.error == "64 requests are already waiting for request 1 to be served");
  }
}

TEST_CASE_METHOD(Retry,
                 "what happens while a request waits is handled: console, freezes, the end") {
  lock_runqueue(0);
  freezes.every = std::chrono::milliseconds(2);
  step_started(0, "only");
  write_sleeper(1, 1000, 60'000);
  after_freeze(4, [this] {
    console("something\n");
    lost("QEMU ended by signal 9");
  });
  CHECK(run().outcome == Outcome::MACHINE_LOST);
  CHECK(std::ranges::count(kinds(), Record::CONSOLE) == 1);
  CHECK(replies.empty());
  CHECK(std::ranges::count(kinds(), Record::OP_REPLIED) == 0);
}

TEST_CASE_METHOD(Retry, "time in which the machine is frozen does not count as waiting") {
  lock_runqueue(0);
  freezes.every = std::chrono::milliseconds(1);
  memory(schema::MemoryMode::FULL);
  step_started(0, "only");
  write_sleeper(1, 1000, 30);
  const auto began = std::chrono::steady_clock::now();
  (void)run();
  const auto took = std::chrono::steady_clock::now() - began;
  const SeenReply reply = only_reply();
  CHECK(reply.statuses == std::vector{EntryStatus::REFUSED});
  std::chrono::nanoseconds frozen{0};
  visit([&](Record::Reader record) {
    if (record.isThawed()) frozen += std::chrono::nanoseconds(record.getThawed().getFrozenNs());
  });
  CHECK(frozen.count() > 0);
  CHECK(std::chrono::nanoseconds(reply.waited_ns) + frozen <= took);
  CHECK(reply.waited_ns >= 30'000'000);
  // Freezes with another cause are not tries.
  CHECK(machine().freezes() > reply.tries);
  CHECK(tries().size() == reply.tries);
}

TEST_CASE_METHOD(
    Retry, "a machine that is lost between two tries leaves its request answered on the tape") {
  lock_runqueue(0);
  after_thaw(1, [this] { machine().fail_next_freeze(Error{ErrorCode::kMachineLost, "gone", ""}); });
  write_sleeper(1, 1000);
  CHECK(run().outcome == Outcome::MACHINE_LOST);
  CHECK(only_reply().tries == 1);
  CHECK(only_reply().freeze == 0);
}

TEST_CASE_METHOD(Retry, "a read that must be consistent waits for what protects its value") {
  const auto read = [&](const std::function<void(schema::Target::Builder)>& target) {
    ask(1, [&](schema::OpRequest::Builder request) {
      auto entry = request.initEntries(1)[0];
      entry.setTag("value");
      entry.setConsistent(true);
      target(entry.initTarget());
      entry.setRead(entry.getTarget().isSymbol() ? schema::ValueKind::U64
                                                 : schema::ValueKind::AUTO);
    });
  };
  const GuestVirtual count = kernel.symbol("jiffies_seq");
  SECTION("a runqueue's lock") {
    lock_runqueue(1);
    after_thaw(1, [this] { lock_runqueue(1, false); });
    read([](schema::Target::Builder target) {
      target.initPerCpu().setSymbol("runqueues");
      target.getPerCpu().setCpu(1);
      target.setPath("nr_running");
    });
  }
  SECTION("a task's pi_lock") {
    kernel.set_task(sleeper, "pi_lock.raw_lock.val.counter", 1);
    after_thaw(1, [this] { kernel.set_task(sleeper, "pi_lock.raw_lock.val.counter", 0); });
    read([](schema::Target::Builder target) {
      target.initTask().setPid(kSleeper);
      target.getTask().setStartBoottimeNs(kTaskStartNs);
      target.setPath("scx.slice");
    });
  }
  SECTION("a sequence count") {
    kernel.put(count, 7, 4);
    after_thaw(1, [&] { kernel.put(count, 8, 4); });
    read([](schema::Target::Builder target) { target.setSymbol("jiffies_64"); });
  }
  CHECK(run().outcome == Outcome::COMPLETED);
  CHECK(replies.at(0).ok);
  CHECK(only_reply().tries == 2);
  CHECK(tries().at(0).refused == std::set<std::pair<uint32_t, Gate>>{{0, Gate::CONSISTENT}});
  CHECK(tries().at(1).refused.empty());
}

TEST_CASE_METHOD(
    Retry,
    "a consistent read is refused when its lock stays, and at once without known protection") {
  const bool known = GENERATE(true, false);
  lock_runqueue(1);
  ask(1, [&](schema::OpRequest::Builder request) {
    request.setRetryMs(5);
    auto entry = request.initEntries(1)[0];
    entry.setConsistent(true);
    if (known) {
      entry.initTarget().initPerCpu().setSymbol("runqueues");
      entry.getTarget().getPerCpu().setCpu(1);
      entry.getTarget().setPath("nr_running");
    } else {
      entry.initTarget().setSymbol("page_end");
      entry.setRead(schema::ValueKind::U64);
    }
  });
  (void)run();
  const SeenReply reply = only_reply();
  CHECK(reply.refused_by == std::vector{Gate::CONSISTENT});
  CHECK((reply.tries > 1) == known);
  CHECK(reply.reasons[0].starts_with(
      known ? "gate 13 (consistent) refuses: observed runqueue lock of CPU 1 held"
            : "gate 13 (consistent) cannot be evaluated: ktape knows nothing "
              "that protects this value"));
}

TEST_CASE_METHOD(Retry, "an expected refusal is a success, and is not retried") {
  const Gate expected = GENERATE(Gate::UNLOCKED, Gate::SETTLED);
  lock_runqueue(0);
  ask(1, [&](schema::OpRequest::Builder request) {
    request.setRetryMs(5);
    request.initExpect().setRefused(expected);
    target(request.initEntries(1)[0], kSleeper, "sleeper");
    request.getEntries()[0].initWrite().setU64(1);
  });
  (void)run();
  const SeenReply reply = only_reply();
  CHECK(reply.as_expected == (expected == Gate::UNLOCKED));
  CHECK((reply.tries == 1) == (expected == Gate::UNLOCKED));
  CHECK(reply.statuses == std::vector{EntryStatus::REFUSED});
}

TEST_CASE_METHOD(Retry, "a request of several entries cannot be expected to be refused") {
  ask(1, [&](schema::OpRequest::Builder request) {
    request.initExpect().setRefused(Gate::UNLOCKED);
    auto entries = request.initEntries(2);
    for (auto entry : entries) target(entry, kSleeper, "sleeper");
  });
  (void)run();
  CHECK(replies.at(0).error == "a request that expects a refusal must have exactly one entry");
}

}  // namespace ktape::test
