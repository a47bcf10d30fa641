// SPDX-License-Identifier: Apache-2.0
// Requests of a hostile guest.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "schema/base/file.h"
#include "schema/wire/data.h"
#include "tests/capture/run/hostile_guest.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

using schema::Outcome;
using Record = schema::Record;

namespace {

// A guest whose kernel is known, with one task.
class HostileRequests : public HostileGuest {
 public:
  HostileRequests() {
    FakeKernel kernel;
    kernel.add_task(70, "sleeper", 5'000'000'000);
    ram_ = kernel.ram();
    knowledge(kernel.knowledge(), ram_);
  }

  void on_address(uint64_t id, uint64_t address, const std::string& type, bool write) {
    request(id, [&](schema::OpEntry::Builder entry) {
      entry.setTag("t");
      auto place = entry.initTarget().initVirtual();
      place.setAddress(address);
      place.setType(type);
      if (write) {
        entry.initWrite().setU64(0x6b747065);
      } else {
        entry.setRead(schema::ValueKind::U64);
      }
    });
  }

  // Runs until the end; every request has exactly one reply, in order, and the guest's memory is
  // unchanged.
  void check_answered(uint64_t requests) {
    done();
    ended();
    const RunEnd end = suffer();
    INFO(end.detail);
    CHECK(end.outcome == Outcome::COMPLETED);
    REQUIRE(replies.size() == requests);
    CHECK(std::is_sorted(
        replies.begin(), replies.end(),
        [](const HeardReply& a, const HeardReply& b) { return a.request < b.request; }));
    const auto all = kinds();
    CHECK(static_cast<uint64_t>(std::count(all.begin(), all.end(), Record::OP_REPLIED)) ==
          requests);
    std::vector<std::byte> now(ram_.size());
    must(machine().memory().read(GuestPhysical(0), now));
    CHECK(now == ram_);
  }

  // No request was done.
  void check_refused(uint64_t requests) {
    check_answered(requests);
    for (const HeardReply& reply : replies) {
      CHECK_FALSE(reply.ok);
      for (const schema::EntryStatus status : reply.statuses)
        CHECK(status != schema::EntryStatus::DONE);
    }
  }

 private:
  std::vector<std::byte> ram_;
};

}  // namespace

TEST_CASE_METHOD(HostileRequests, "requests for absurd addresses are answered, and touch nothing") {
  hello();
  uint64_t id = 0;
  for (const bool write : {false, true}) {
    for (const uint64_t address :
         {uint64_t{0}, uint64_t{1}, uint64_t{0xfff}, uint64_t{0x7fff'ffff'ffff},
          uint64_t{0x8000'0000'0000}, uint64_t{0xffff'7fff'ffff'ffff}, FakeKernel::kNoRam.value,
          ~uint64_t{0}, ~uint64_t{7}}) {
      on_address(++id, address, "", write);
      on_address(++id, address, "struct no_such", write);
    }
  }
  check_refused(id);
}

TEST_CASE_METHOD(HostileRequests,
                 "requests with absurd paths and tags are answered, and touch nothing") {
  hello();
  uint64_t id = 0;
  for (const std::string& path :
       {std::string(500000, 'a'), std::string(500000, '.'), std::string("->->->->"),
        std::string("a[99999999999999999999]"), std::string("scx\0.dsq", 8),
        std::string("[18446744073709551615]"),
        std::string("{list struct task_struct tasks 4294967295}"), std::string("{cpu 4294967295}"),
        std::string("\x1b[2J")}) {
    for (const std::string& tag :
         {std::string(), std::string(400000, 't'), std::string("\x1b]0;x\a\0y", 8)}) {
      request(++id, [&](schema::OpEntry::Builder entry) {
        entry.setTag(tag);
        auto task = entry.initTarget().initTask();
        task.setPid(70);
        task.setStartBoottimeNs(5'000'000'000);
        entry.getTarget().setPath(path);
        entry.initWrite().setU64(1);
      });
    }
  }
  check_refused(id);
}

TEST_CASE_METHOD(HostileRequests,
                 "requests with absurd ids, steps, modes, kinds and lengths are answered") {
  hello();
  const auto ask = [&](const std::function<void(schema::OpRequest::Builder)>& fill) {
    agent_says([&](schema::FromAgent::Builder message) {
      auto request = message.initRequest();
      request.setId(~uint64_t{0});
      request.setStep(~0u);
      request.setFirstAction(~0u);
      fill(request);
    });
  };
  const auto entry_of = [](schema::OpRequest::Builder request) {
    auto entry = request.initEntries(1)[0];
    entry.initTarget().setSymbol("jiffies_64");
    return entry;
  };
  ask([&](auto request) { entry_of(request).setRead(static_cast<schema::ValueKind>(999)); });
  ask([&](auto request) {
    entry_of(request).setRead(schema::ValueKind::U64);
    request.setMode(static_cast<schema::OpMode>(999));
  });
  ask([&](auto request) {
    auto entry = entry_of(request);
    entry.setRead(schema::ValueKind::BYTES);
    entry.setLength(~0u);
  });
  ask([&](auto request) { entry_of(request).initWrite().initSetBits().setWidth(255); });
  ask([&](auto request) { entry_of(request).initWrite().initList(1000); });
  ask([&](auto request) { request.initEntries(10000); });
  ask([&](auto request) {
    request.initEntries(1)[0].initTarget().initTask().setPid(-2147483647 - 1);
  });
  ask([&](auto request) {
    auto variable = request.initEntries(1)[0].initTarget().initPerCpu();
    variable.setSymbol("runqueues");
    variable.setCpu(~0u);
  });
  ask([&](auto request) {  // a write that is to be consistent, and a hot read
    auto entry = entry_of(request);
    entry.setConsistent(true);
    entry.initWrite().setU64(1);
  });
  ask([&](auto request) {
    request.setMode(schema::OpMode::HOT);
    auto entry = entry_of(request);
    entry.setConsistent(true);
    entry.setRead(schema::ValueKind::U64);
  });
  ask([&](auto request) {
    request.setRetryMs(-2147483647 - 1);
    request.initExpect().setRefused(static_cast<schema::Gate>(999));
    request.initEntries(1)[0].initTarget().initTask().setPid(71);
    request.getEntries()[0].setRead(schema::ValueKind::U32);
  });
  check_refused(11);
  for (const HeardReply& reply : replies) CHECK(reply.request == ~uint64_t{0});
}

TEST_CASE_METHOD(HostileRequests,
                 "a request whose values do not all fit into a reply has those that fit, and the "
                 "run continues") {
  hello();
  constexpr unsigned kEntries = 40;
  agent_says([](schema::FromAgent::Builder message) {
    auto request = message.initRequest();
    request.setId(1);
    auto entries = request.initEntries(kEntries);
    for (auto entry : entries) {
      entry.setTag("much");
      entry.initTarget().initVirtual().setAddress(0xffff'8880'0000'0000);  // the direct map's start
      entry.setRead(schema::ValueKind::BYTES);
      entry.setLength(64 << 10);
    }
  });
  check_answered(1);
  const auto done =
      std::count(replies[0].statuses.begin(), replies[0].statuses.end(), schema::EntryStatus::DONE);
  CHECK(done == 11);
  CHECK(replies[0].statuses.size() == kEntries);
}

TEST_CASE_METHOD(HostileRequests,
                 "a reply that is too long for a message is on the tape, and the guest learns that "
                 "it was too long") {
  hello();
  agent_says([](schema::FromAgent::Builder message) {
    auto request = message.initRequest();
    request.setId(1);
    auto entries = request.initEntries(1024);
    for (unsigned i = 0; i < entries.size(); ++i) {
      entries[i].initTarget().setSymbol("jiffies_64" + std::string(900, 'x') + std::to_string(i));
      entries[i].setRead(schema::ValueKind::U64);
    }
  });
  check_answered(1);
  CHECK(replies[0].error == "the reply does not fit into a message; it is on the tape");
}

TEST_CASE_METHOD(HostileRequests,
                 "a guest that sends requests without end meets the run watchdog") {
  scenario(
      "(name = \"t\", watchdogMs = 200, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  hello();
  step_started(0, "only");
  flood(frame_of([](schema::FromAgent::Builder message) {
    auto entry = message.initRequest().initEntries(1)[0];
    entry.setTag("t");
    entry.initTarget().setSymbol("jiffies_64");
    entry.setRead(schema::ValueKind::U64);
  }));
  CHECK(suffer().outcome == Outcome::RUN_TIMED_OUT);
  CHECK(replies.size() > 1);
}

TEST_CASE("a guest's text reaches a terminal without characters that the terminal interprets") {
  int fds[2];
  REQUIRE(::pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
  const UniqueFd read_end(fds[0]), write_end(fds[1]);
  TextProgress progress(write_end.get());
  progress.say("step '\x1b]0;title\a\x1b[2J\r' " + std::string(100000, 'x'));
  std::string text(8192, '\0');
  const ssize_t n = ::read(read_end.get(), text.data(), text.size());
  REQUIRE(n > 0);
  text.resize(static_cast<size_t>(n));
  CHECK(text.size() < 2000);
  CHECK(std::none_of(text.begin(), text.end() - 1, [](char c) { return c < ' '; }));
}

}  // namespace ktape::test
