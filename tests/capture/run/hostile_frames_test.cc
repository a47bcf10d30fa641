// SPDX-License-Identifier: Apache-2.0
// Garbage that a hostile guest sends instead of messages, and too many messages.
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>

#include "schema/base/file.h"
#include "schema/tape/verify/verify.h"
#include "schema/wire/data.h"
#include "tests/capture/run/hostile_guest.h"
#include "tests/support/must.h"

namespace ktape::test {

using schema::Outcome;
using Record = schema::Record;

TEST_CASE_METHOD(HostileGuest,
                 "a frame of garbage ends the run, and its first bytes are on the tape") {
  hello();
  agent_sends_bytes(std::string_view("\x05\x00\x00\x00garbage", 11));
  check_protocol_violation(
      "got a frame of 5 bytes, expected a multiple of 8 up to 1048576; it begins 05 00 00 00 67 61 "
      "72 62");
  CHECK(losses() == std::map<std::string, uint64_t>{{"agent_bytes", 11}});
}

TEST_CASE_METHOD(HostileGuest, "a frame that claims to be huge costs no memory") {
  const uint64_t before = resident_bytes();
  hello();
  agent_sends_bytes(length_of(0xfffffff8) + std::string(1000, 'x'));
  check_protocol_violation("got a frame of 4294967288 bytes");
  if (kMemoryTells) CHECK(resident_bytes() < before + 32 * kMiB);
}

TEST_CASE_METHOD(HostileGuest, "a frame that is cut off by the guest's end is counted") {
  hello();
  agent_sends_bytes(length_of(1 << 20) + std::string(20, 'x'));
  ended();
  CHECK(suffer().outcome == Outcome::GUEST_EXITED);
  CHECK(losses() == std::map<std::string, uint64_t>{{"agent_bytes", 24}});
}

TEST_CASE_METHOD(HostileGuest, "a frame that never ends meets the run watchdog") {
  scenario(
      "(name = \"t\", watchdogMs = 50, steps = [(name = \"only\", actions = [(sleepMs = 1)])])");
  hello();
  step_started(0, "only");
  agent_sends_bytes(length_of(1 << 20) + std::string(20, 'x'));
  CHECK(suffer().outcome == Outcome::RUN_TIMED_OUT);
  CHECK(losses() == std::map<std::string, uint64_t>{{"agent_bytes", 24}});
}

// Words of a message overwritten, one at a time: pointers to nowhere, to everywhere and in circles.
TEST_CASE("a valid frame with garbage inside is the guest's fault, never the host's") {
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
                 "a frame whose pointers share their targets does not grow without bound") {
  constexpr unsigned kNames = 64;
  constexpr uint64_t kShared = 512 << 10;
  std::string bytes = frame_of([](schema::FromAgent::Builder message) {
    auto names = message.initSchedulerState().initNames(kNames);
    names.init(0, kShared);
  });
  // A list pointer: 2 bits of kind, 30 of offset from the next word, 3 of element size, 29 of
  // length.
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
  check_protocol_violation("a message from the agent cannot be decoded");
  if (kMemoryTells) CHECK(resident_bytes() < before + 64 * kMiB);
}

TEST_CASE_METHOD(HostileGuest, "messages that only a host sends are not accepted from a guest") {
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
  check_protocol_violation("the agent sent done twice");
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

TEST_CASE_METHOD(HostileGuest,
                 "a flood that fills the tape ends the run at its bound, with a sealed tape") {
  most_tape_bytes = 16 * kMiB;
  hello();
  const uint64_t before = resident_bytes();
  flood(frame_of([](schema::FromAgent::Builder message) {
    message.initSchedulerOutput().setText(as_data(std::string(900000, 'x')));
  }));
  const RunEnd end = suffer();
  CHECK(end.outcome == Outcome::HOST_FAILED);
  CHECK(end.detail == "the tape has reached its limit of 16 MB; raise it with --max-tape");
  struct stat status;
  REQUIRE(::stat(tape().c_str(), &status) == 0);
  CHECK(static_cast<uint64_t>(status.st_size) < 2 * most_tape_bytes);
  if (kMemoryTells) CHECK(resident_bytes() < before + 64 * kMiB);
}

TEST_CASE_METHOD(
    HostileGuest,
    "a console without an end, and without a line's end, fills no more than the tape") {
  most_tape_bytes = 16 * kMiB;
  const uint64_t before = resident_bytes();
  flood(std::string(64 << 10, '#'), ~uint64_t{0}, MachineEventKind::kConsoleBytes);
  CHECK(suffer().outcome == Outcome::HOST_FAILED);
  if (kMemoryTells) CHECK(resident_bytes() < before + 64 * kMiB);
}

TEST_CASE_METHOD(HostileGuest, "a flood does not keep the user waiting") {
  UniqueFd interrupt(::eventfd(1, EFD_CLOEXEC));
  std::string many = frame_of([](schema::FromAgent::Builder message) {
    message.initHello().setProtocol(schema::PROTOCOL_VERSION);
  });
  for (uint64_t i = 0; i < 1000; ++i) many += report(i);
  agent_sends_bytes(many);
  CHECK(run({.end_fd = interrupt.get(), .freeze_fd = -1}).outcome == Outcome::INTERRUPTED);
  CHECK(kinds().size() < 10);
  CHECK(losses().contains("agent_bytes"));
}

TEST_CASE_METHOD(
    HostileGuest,
    "only a limited number of requests wait until the kernel is known, and each has its reply") {
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
          return reply.error == "64 requests are already waiting for the kernel to be adopted";
        }) == kRequests - kWait);
}

TEST_CASE_METHOD(
    HostileGuest,
    "a guest that sends requests and does not read replies is ended before the host's memory is") {
  deaf = true;
  hello();
  flood(frame_of([](schema::FromAgent::Builder message) {
    auto entry = message.initRequest().initEntries(1)[0];
    entry.setTag("t");
    entry.initTarget().setPath("a..b");
    entry.getTarget().setSymbol(std::string(2000, 's'));
  }));
  const uint64_t before = resident_bytes();
  check_protocol_violation("the guest does not read");
  if (kMemoryTells) CHECK(resident_bytes() < before + 64 * kMiB);
}

TEST_CASE_METHOD(
    HostileGuest,
    "reports of things that never happened are recorded as the guest's claims, and no more") {
  hello();
  agent_says([](schema::FromAgent::Builder message) {
    message.initStepFinished().setStep(~0u);
    message.getStepFinished().setDetail("\x1b]0;title\a");
  });
  agent_says(
      [](schema::FromAgent::Builder message) { message.initSchedulerExited().setId(12345); });
  agent_says([](schema::FromAgent::Builder message) { message.initWorkerReport().setPid(-1); });
  agent_says([](schema::FromAgent::Builder message) {
    message.initWorkerStarted().setPid(-2147483647 - 1);
    message.getWorkerStarted().setName(std::string(100000, 'w'));
  });
  step_started(~0u, std::string(100000, 's'));
  agent_says([](schema::FromAgent::Builder message) {
    message.initSchedulerState().setState(as_data("enabled"));
  });
  done();
  ended();
  CHECK(suffer().outcome == Outcome::COMPLETED);
}

}  // namespace ktape::test
