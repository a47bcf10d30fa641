// SPDX-License-Identifier: Apache-2.0
// A guest that sends what no agent would. Whatever it is, the run ends with a sealed tape that says what it
// was.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>
#include <fstream>

#include "schema/base/file.h"
#include "schema/journal/verify.h"
#include "schema/wire/data.h"
#include "tests/capture/engine_fixture.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using schema::Outcome;
using Record = schema::Record;

namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

// Not under the address sanitizer, which keeps for a while what was freed.
#if defined(__SANITIZE_ADDRESS__)
#define KTAPE_MEMORY_TELLS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KTAPE_MEMORY_TELLS false
#endif
#endif
#ifndef KTAPE_MEMORY_TELLS
#define KTAPE_MEMORY_TELLS true
#endif
constexpr bool kMemoryTells = KTAPE_MEMORY_TELLS;

// Of this process, now.
uint64_t resident_bytes() {
  uint64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string bytes_of(const std::vector<std::byte>& bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string frame_of(const std::function<void(schema::FromAgent::Builder)>& fill) {
  capnp::MallocMessageBuilder message(kMaxFrameBytes / sizeof(capnp::word));  // all in one segment
  fill(message.initRoot<schema::FromAgent>());
  return bytes_of(must(encode_frame(message)));
}

std::string length_of(uint32_t bytes) {
  std::string text(sizeof bytes, '\0');
  std::memcpy(text.data(), &bytes, sizeof bytes);
  return text;
}

// The fixture, with the checks that hold for every hostile guest.
class HostileGuest : public EngineFixture {
 public:
  // Runs; the tape is whole, whatever came.
  RunEnd suffer() {
    RunEnd end = run();
    CHECK(machine().ended());
    CHECK(kinds().back() == Record::SEALED);
    CHECK(must(verify(tape(), std::nullopt)).integrity == Integrity::kIntact);
    return end;
  }

  void check_offence(std::string_view how) {
    const RunEnd end = suffer();
    CHECK(end.outcome == Outcome::PROTOCOL_BROKEN);
    CHECK_THAT(end.detail, ContainsSubstring(std::string(how)));
  }

  // Sends this again and again, for as long as the run lasts or so often.
  void flood(std::string bytes, uint64_t times = ~uint64_t{0},
             MachineEventKind kind = MachineEventKind::kAgentBytes) {
    machine().on_idle([this, bytes = std::move(bytes), left = times, kind]() mutable {
      if (left == 0) return;
      --left;
      const auto span = as_bytes(bytes);
      machine().push({kind, {span.begin(), span.end()}, ""});
      if (left == 0) done();
      if (left == 0) ended();
    });
  }
};

std::string report(uint64_t phases) {
  return frame_of([&](schema::FromAgent::Builder message) {
    auto report = message.initWorkerReport();
    report.setName("worker");
    report.setPhasesDone(phases);
  });
}

}  // namespace

TEST_CASE_METHOD(HostileGuest, "a frame of garbage ends the run, and its first bytes are on the tape") {
  hello();
  agent_sends_bytes(std::string_view("\x05\x00\x00\x00garbage", 11));
  check_offence(
      "got a frame of 5 bytes, expected a multiple of 8 up to 1048576; it begins 05 00 00 00 67 61 72 62");
  CHECK(losses() == std::map<std::string, uint64_t>{{"agent_bytes", 11}});
}

TEST_CASE_METHOD(HostileGuest, "a frame that claims to be huge costs no memory") {
  const uint64_t before = resident_bytes();
  hello();
  agent_sends_bytes(length_of(0xfffffff8) + std::string(1000, 'x'));
  check_offence("got a frame of 4294967288 bytes");
  if (kMemoryTells) CHECK(resident_bytes() < before + 32 * kMiB);
}

TEST_CASE_METHOD(HostileGuest, "a frame that is cut off by the guest's end is counted") {
  hello();
  agent_sends_bytes(length_of(1 << 20) + std::string(20, 'x'));
  ended();
  CHECK(suffer().outcome == Outcome::GUEST_EXITED);
  CHECK(losses() == std::map<std::string, uint64_t>{{"agent_bytes", 24}});
}

TEST_CASE_METHOD(HostileGuest, "a frame that never comes to its end meets the run watchdog") {
  scenario("(name = \"t\", watchdogMs = 50, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  hello();
  step_started(0, "only");
  agent_sends_bytes(length_of(1 << 20) + std::string(20, 'x'));
  CHECK(suffer().outcome == Outcome::RUN_TIMED_OUT);
  CHECK(losses() == std::map<std::string, uint64_t>{{"agent_bytes", 24}});
}

// Words of a message overwritten, one at a time: pointers to nowhere, to everywhere and in circles.
TEST_CASE("a frame that is sound outside and garbage inside is the guest's fault, never the host's") {
  const std::string whole = frame_of([](schema::FromAgent::Builder message) {
    auto attached = message.initSchedulerAttached();
    attached.setName(as_data("name"));
    auto ops = attached.initOps(2);
    ops.set(0, "enqueue");
    ops.set(1, "dispatch");
    attached.setCgroup(as_data("/"));
  });
  constexpr uint64_t kGarbage[] = {~uint64_t{0},        0x7fffffff'fffffffd, 0x00000000'00000002,
                                   0xffffffff'00000001, 0x00000007'fffffffc, 0xfffffffe'00000006};
  for (size_t at = 4; at + sizeof(uint64_t) <= whole.size(); at += sizeof(uint64_t)) {
    for (const uint64_t garbage : kGarbage) {
      HostileGuest guest;
      std::string bad = whole;
      std::memcpy(bad.data() + at, &garbage, sizeof garbage);
      guest.hello();
      guest.agent_sends_bytes(bad);
      guest.done();
      guest.ended();
      INFO("word " << at / 8 << ", " << std::hex << garbage);
      const Outcome outcome = guest.suffer().outcome;
      CHECK((outcome == Outcome::PROTOCOL_BROKEN || outcome == Outcome::COMPLETED));
    }
  }
}

// A list of 64 texts, all of them the same half a megabyte: 32 MiB if each were copied.
TEST_CASE_METHOD(HostileGuest,
                 "a frame whose pointers share what they point at does not grow without bound") {
  constexpr unsigned kNames = 64;
  constexpr uint64_t kShared = 512 << 10;
  std::string bytes = frame_of([](schema::FromAgent::Builder message) {
    auto names = message.initSchedulerState().initNames(kNames);
    names.init(0, kShared);
  });
  // A list pointer: 2 bits of kind, 30 of offset from the next word, 3 of element size, 29 of length.
  const uint64_t what = (kShared << 3 | 2) << 32 | 1;
  bool patched = false;
  for (size_t at = 4; at + 8 * kNames <= bytes.size() && !patched; at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    if ((word & 0xffffffff'00000003) != what) continue;
    for (uint64_t i = 1; i < kNames; ++i) {
      const uint64_t same = word - (i << 2);
      std::memcpy(bytes.data() + at + 8 * i, &same, 8);
    }
    patched = true;
  }
  REQUIRE(patched);
  const uint64_t before = resident_bytes();
  hello();
  agent_sends_bytes(bytes);
  check_offence("a message from the agent cannot be decoded");
  if (kMemoryTells) CHECK(resident_bytes() < before + 64 * kMiB);
}

TEST_CASE_METHOD(HostileGuest, "what only a host says is not taken from a guest") {
  hello();
  capnp::MallocMessageBuilder message;
  const uint16_t kind = GENERATE(uint16_t{1}, uint16_t{2}, uint16_t{3}, uint16_t{4});
  auto host = message.initRoot<schema::FromHost>();
  switch (kind) {
    case 1: host.initScenario().setName("mine"); break;
    case 2: host.initReply().setRequest(7); break;
    case 3: host.setStop(); break;
    default: host.setSchedulersSettled(); break;
  }
  agent_sends_bytes(bytes_of(must(encode_frame(message))));
  ended();
  const Outcome outcome = suffer().outcome;
  CHECK((outcome == Outcome::PROTOCOL_BROKEN || outcome == Outcome::GUEST_EXITED));
  CHECK(replies.empty());
}

TEST_CASE_METHOD(HostileGuest, "a guest cannot put off its end by saying done again and again") {
  hello();
  done();
  done();
  check_offence("the agent said done twice");
}

TEST_CASE_METHOD(HostileGuest, "a flood of messages is recorded one by one in bounded memory") {
  constexpr uint64_t kTimes = 200;
  constexpr uint64_t kEach = 250;
  std::string many;
  for (uint64_t i = 0; i < kEach; ++i) many += report(i);
  hello();
  const uint64_t before = resident_bytes();
  flood(many, kTimes);
  const RunEnd end = suffer();
  CHECK(end.outcome == Outcome::COMPLETED);
  const auto all = kinds();
  CHECK(std::count(all.begin(), all.end(), Record::WORKER_REPORT) == kTimes * kEach);
  if (kMemoryTells) CHECK(resident_bytes() < before + 64 * kMiB);
}

TEST_CASE_METHOD(HostileGuest, "a flood that fills the tape ends the run at its bound, with a sealed tape") {
  most_tape_bytes = 16 * kMiB;
  hello();
  const uint64_t before = resident_bytes();
  flood(frame_of([](schema::FromAgent::Builder message) {
    message.initSchedulerOutput().setText(as_data(std::string(900000, 'x')));
  }));
  const RunEnd end = suffer();
  CHECK(end.outcome == Outcome::HOST_FAILED);
  CHECK(end.detail == "the tape has reached its bound of 16 MB: --max-tape allows more");
  struct stat status;
  REQUIRE(::stat(tape().c_str(), &status) == 0);
  CHECK(static_cast<uint64_t>(status.st_size) < 2 * most_tape_bytes);
  if (kMemoryTells) CHECK(resident_bytes() < before + 64 * kMiB);
}

TEST_CASE_METHOD(HostileGuest,
                 "a console without an end, and without a line's end, fills no more than the tape") {
  most_tape_bytes = 16 * kMiB;
  const uint64_t before = resident_bytes();
  flood(std::string(64 << 10, '#'), ~uint64_t{0}, MachineEventKind::kConsoleBytes);
  CHECK(suffer().outcome == Outcome::HOST_FAILED);
  if (kMemoryTells) CHECK(resident_bytes() < before + 64 * kMiB);
}

TEST_CASE_METHOD(HostileGuest, "a flood does not keep the user waiting") {
  UniqueFd interrupt(::eventfd(1, EFD_CLOEXEC));
  std::string many = frame_of(
      [](schema::FromAgent::Builder message) { message.initHello().setProtocol(schema::PROTOCOL_VERSION); });
  for (uint64_t i = 0; i < 1000; ++i) many += report(i);
  agent_sends_bytes(many);
  CHECK(run({.end_fd = interrupt.get(), .freeze_fd = -1}).outcome == Outcome::INTERRUPTED);
  CHECK(kinds().size() < 10);
  CHECK(losses().contains("agent_bytes"));
}

TEST_CASE_METHOD(HostileGuest,
                 "of requests before the kernel is known only so many wait, and each has its reply") {
  constexpr uint64_t kRequests = 1000;
  constexpr uint64_t kWait = 64;
  for (uint64_t id = 1; id <= kRequests; ++id) read_symbol(id, "early", "jiffies_64");
  hello();
  done();
  ended();
  CHECK(suffer().outcome == Outcome::COMPLETED);
  const auto all = kinds();
  CHECK(std::count(all.begin(), all.end(), Record::OP_DEFERRED) == kWait);
  CHECK(std::count(all.begin(), all.end(), Record::OP_REPLIED) == kRequests);
  REQUIRE(replies.size() == kRequests);
  CHECK(std::count_if(replies.begin(), replies.end(), [](const HeardReply& reply) {
          return reply.error == "64 requests wait already for the kernel to be adopted";
        }) == kRequests - kWait);
}

TEST_CASE_METHOD(HostileGuest,
                 "a guest that asks and does not read its replies is ended, and not the host's memory") {
  deaf = true;
  hello();
  flood(frame_of([](schema::FromAgent::Builder message) {
    auto entry = message.initRequest().initEntries(1)[0];
    entry.setTag("t");
    entry.initTarget().setPath("a..b");
    entry.getTarget().setSymbol(std::string(2000, 's'));
  }));
  const uint64_t before = resident_bytes();
  check_offence("the guest does not read");
  if (kMemoryTells) CHECK(resident_bytes() < before + 64 * kMiB);
}

TEST_CASE_METHOD(HostileGuest, "reports of what never was are recorded as the guest's word, and no more") {
  hello();
  agent_says([](schema::FromAgent::Builder message) {
    message.initStepFinished().setStep(~0u);
    message.getStepFinished().setDetail("\x1b]0;title\a");
  });
  agent_says([](schema::FromAgent::Builder message) { message.initSchedulerExited().setId(12345); });
  agent_says([](schema::FromAgent::Builder message) { message.initWorkerReport().setPid(-1); });
  agent_says([](schema::FromAgent::Builder message) {
    message.initWorkerStarted().setPid(-2147483647 - 1);
    message.getWorkerStarted().setName(std::string(100000, 'w'));
  });
  step_started(~0u, std::string(100000, 's'));
  agent_says(
      [](schema::FromAgent::Builder message) { message.initSchedulerState().setState(as_data("enabled")); });
  done();
  ended();
  CHECK(suffer().outcome == Outcome::COMPLETED);
}

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

  // Runs to its end; every request has exactly one reply, in order, and the guest's memory is as it was.
  void check_answered(uint64_t requests) {
    done();
    ended();
    const RunEnd end = suffer();
    INFO(end.detail);
    CHECK(end.outcome == Outcome::COMPLETED);
    REQUIRE(replies.size() == requests);
    CHECK(std::is_sorted(replies.begin(), replies.end(),
                         [](const HeardReply& a, const HeardReply& b) { return a.request < b.request; }));
    const auto all = kinds();
    CHECK(static_cast<uint64_t>(std::count(all.begin(), all.end(), Record::OP_REPLIED)) == requests);
    std::vector<std::byte> now(ram_.size());
    must(machine().memory().read(GuestPhysical(0), now));
    CHECK(now == ram_);
  }

  // No request was done.
  void check_refused(uint64_t requests) {
    check_answered(requests);
    for (const HeardReply& reply : replies) {
      CHECK_FALSE(reply.ok);
      for (const schema::EntryStatus status : reply.statuses) CHECK(status != schema::EntryStatus::DONE);
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
         {uint64_t{0}, uint64_t{1}, uint64_t{0xfff}, uint64_t{0x7fff'ffff'ffff}, uint64_t{0x8000'0000'0000},
          uint64_t{0xffff'7fff'ffff'ffff}, FakeKernel::kNoRam.value, ~uint64_t{0}, ~uint64_t{7}}) {
      on_address(++id, address, "", write);
      on_address(++id, address, "struct no_such", write);
    }
  }
  check_refused(id);
}

TEST_CASE_METHOD(HostileRequests, "requests with absurd paths and tags are answered, and touch nothing") {
  hello();
  uint64_t id = 0;
  for (const std::string& path :
       {std::string(500000, 'a'), std::string(500000, '.'), std::string("->->->->"),
        std::string("a[99999999999999999999]"), std::string("scx\0.dsq", 8),
        std::string("[18446744073709551615]"), std::string("{list struct task_struct tasks 4294967295}"),
        std::string("{cpu 4294967295}"), std::string("\x1b[2J")}) {
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

TEST_CASE_METHOD(HostileRequests, "requests with absurd ids, steps, modes, kinds and lengths are answered") {
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
  ask([&](auto request) { request.initEntries(1)[0].initTarget().initTask().setPid(-2147483647 - 1); });
  ask([&](auto request) {
    auto variable = request.initEntries(1)[0].initTarget().initPerCpu();
    variable.setSymbol("runqueues");
    variable.setCpu(~0u);
  });
  check_refused(8);
  for (const HeardReply& reply : replies) CHECK(reply.request == ~uint64_t{0});
}

TEST_CASE_METHOD(HostileRequests,
                 "a request whose values fit into no reply has those that do, and the run goes on") {
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
                 "a reply that is too long for a message is on the tape, and the guest is told so") {
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
  CHECK(replies[0].error == "the reply is too long for a message; the tape has it");
}

TEST_CASE_METHOD(HostileRequests, "a guest that asks without an end meets the run watchdog") {
  scenario("(name = \"t\", watchdogMs = 200, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
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

TEST_CASE("what a guest says reaches a terminal without what a terminal would act on") {
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
