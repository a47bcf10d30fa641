// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "schema/tape/reading/reader.h"
#include "tests/capture/run/engine_fixture.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

using schema::EntryStatus;
using schema::Gate;
using schema::Record;

inline constexpr int32_t kSleeper = 70;
inline constexpr int32_t kOtherSleeper = 71;
inline constexpr uint64_t kTaskStartNs = 5'000'000'000;
inline constexpr uint64_t kInterruptible = 0x2001;
inline constexpr uint64_t kWaking = 0x200;

// What one freeze of a request left on the tape.
struct SeenTry {
  uint64_t op = 0;
  uint32_t number = 0;
  std::map<uint32_t, size_t> gates;             // of each entry
  std::set<std::pair<uint32_t, Gate>> refused;  // by entry
};

struct SeenReply {
  uint64_t op = 0;
  uint64_t freeze = 0;
  uint32_t tries = 0;
  uint64_t waited_ns = 0;
  bool as_expected = false;
  std::vector<EntryStatus> statuses;
  std::vector<Gate> refused_by;
  std::vector<std::string> reasons;
  std::vector<std::pair<schema::LockRole, int32_t>> users;  // of the first entry: role and CPU
};

// A guest with two tasks that may be written, in memory that the test changes while it runs.
class Retry : public EngineFixture {
 public:
  Retry() : sleeper(kernel.add_task(kSleeper, "sleeper", kTaskStartNs)) {
    other = kernel.add_task(kOtherSleeper, "other", kTaskStartNs, 1);
    knowledge(kernel.knowledge(), *kernel.memory().at(GuestPhysical(0), kernel.ram().size()));
    memory(schema::MemoryMode::TOUCHED);
    on_reply = [this](const HeardReply&) {
      if (replies.size() < wanted) return;
      done();
      ended();
    };
    hello();
  }

  void lock_runqueue(uint32_t cpu, bool held = true) {
    kernel.set_rq(cpu, "__lock.raw_lock.val.counter", held ? 1 : 0);
  }
  // Something that the guest does when it has been thawed so often.
  void after_thaw(uint64_t count, std::function<void()> change) {
    machine().on_thaw([this, count, change = std::move(change)] {
      if (machine().freezes() == count) change();
    });
  }
  // Something that the guest does once it has been frozen so often and all that it sent has been
  // heard.
  void after_freeze(uint64_t count, std::function<void()> change) {
    changes_.emplace_back(count, std::move(change));
    machine().on_idle([this] {
      for (auto& [at, what] : changes_) {
        if (machine().freezes() >= at && what) std::exchange(what, nullptr)();
      }
    });
  }

  static void target(schema::OpEntry::Builder entry, int32_t pid, const char* tag) {
    entry.setTag(tag);
    entry.initTarget().initTask().setPid(pid);
    entry.getTarget().getTask().setStartBoottimeNs(kTaskStartNs);
    entry.getTarget().setPath("scx.dsq_vtime");
  }
  void ask(uint64_t id, const std::function<void(schema::OpRequest::Builder)>& fill) {
    agent_says([&](schema::FromAgent::Builder message) {
      message.initRequest().setId(id);
      fill(message.getRequest());
    });
  }
  void write_sleeper(uint64_t id, uint64_t value, int32_t retry_ms = -1) {
    ask(id, [&](schema::OpRequest::Builder request) {
      request.setRetryMs(retry_ms);
      target(request.initEntries(1)[0], kSleeper, "sleeper");
      request.getEntries()[0].initWrite().setU64(value);
    });
  }
  void write_both(uint64_t id, uint64_t value) {
    ask(id, [&](schema::OpRequest::Builder request) {
      auto entries = request.initEntries(2);
      target(entries[0], kSleeper, "sleeper");
      target(entries[1], kOtherSleeper, "other");
      for (auto entry : entries) entry.initWrite().setU64(value);
    });
  }
  uint64_t vtime_of(GuestVirtual task) {
    return kernel.value(task, "struct task_struct", "scx.dsq_vtime");
  }

  std::vector<SeenTry> tries() const {
    std::vector<SeenTry> seen;
    std::map<uint64_t, size_t> by_freeze;
    visit([&](Record::Reader record) {
      if (record.isFreezeBegan() && record.getFreezeBegan().getOp() != 0) {
        const auto began = record.getFreezeBegan();
        by_freeze[began.getFreeze()] = seen.size();
        seen.push_back({began.getOp(), began.getTry(), {}, {}});
      }
      if (!record.isGateChecked()) return;
      const auto gate = record.getGateChecked();
      SeenTry& of = seen.at(by_freeze.at(gate.getFreeze()));
      CHECK(gate.getTry() == of.number);
      CHECK(gate.getOp() == of.op);
      ++of.gates[gate.getEntry()];
      if (gate.getEnforced() && gate.getOutcome() != schema::GateOutcome::PASSED)
        of.refused.emplace(gate.getEntry(), gate.getGate());
    });
    return seen;
  }
  std::vector<SeenReply> seen_replies() const {
    std::vector<SeenReply> seen;
    visit([&](Record::Reader record) {
      if (!record.isOpReplied()) return;
      const auto from = record.getOpReplied();
      SeenReply& reply = seen.emplace_back();
      reply = {from.getOp(),
               from.getFreeze(),
               from.getTries(),
               from.getWaitedNs(),
               from.getAsExpected(),
               {},
               {},
               {},
               {}};
      for (auto entry : from.getEntries()) {
        reply.statuses.push_back(entry.getStatus());
        reply.refused_by.push_back(entry.getRefusedBy());
        reply.reasons.emplace_back(entry.getReason().cStr());
      }
      if (from.getEntries().size() == 0) return;
      for (auto user : from.getEntries()[0].getLockUsers())
        reply.users.emplace_back(user.getRole(), user.getCpu());
    });
    return seen;
  }
  SeenReply only_reply() const {
    const std::vector<SeenReply> all = seen_replies();
    REQUIRE(all.size() == 1);
    return all[0];
  }

  FakeKernel kernel;
  GuestVirtual sleeper, other;
  size_t wanted = 1;  // replies after which the guest ends

  void visit(const std::function<void(Record::Reader)>& look) const {
    must(must(TapeReader::open(tape()))->for_each([&](const RecordView& view) -> Result<void> {
      look(view.record);
      return {};
    }));
  }

 private:
  std::vector<std::pair<uint64_t, std::function<void()>>> changes_;
};

}  // namespace ktape::test
