// SPDX-License-Identifier: Apache-2.0
// Too long for every test run.
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "schema/tape/verify/verify.h"
#include "tests/capture/run/engine_fixture.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

uint64_t resident_bytes() {
  uint64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE_METHOD(EngineFixture, "two million messages of a guest take no more memory than a few") {
  constexpr uint64_t kTimes = 2000;
  constexpr uint64_t kEach = 1000;
  scenario(
      "(name = \"t\", bootDeadlineMs = 3600000, steps = [(name = \"only\", actions = [(sleepMs = "
      "1)])])");
  capnp::MallocMessageBuilder message;
  message.initRoot<schema::FromAgent>().initWorkerReport().setName("worker");
  const std::vector<std::byte> one = must(encode_frame(message));
  std::vector<std::byte> many;
  for (uint64_t i = 0; i < kEach; ++i) many.insert(many.end(), one.begin(), one.end());
  hello();
  uint64_t times = 0;
  uint64_t after_few = 0;
  machine().on_idle([&] {
    if (times == 20) after_few = resident_bytes();
    if (++times <= kTimes) return machine().push({MachineEventKind::kAgentBytes, many, ""});
    if (times > kTimes + 1) return;
    CHECK(resident_bytes() < after_few + (uint64_t{16} << 20));
    done();
    ended();
  });
  CHECK(run().outcome == schema::Outcome::COMPLETED);
  CHECK(must(verify(tape(), std::nullopt)).integrity == Integrity::kIntact);
  CHECK(kinds().size() == kTimes * kEach + 3);  // hello, the guest's exit, sealed
}

}  // namespace ktape::test
