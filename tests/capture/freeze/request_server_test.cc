// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>

#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"
#include "schema/wire/data.h"
#include "tests/capture/run/engine_fixture.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using schema::Outcome;
using Record = schema::Record;

TEST_CASE_METHOD(EngineFixture,
                 "when adoption fails for good, each request gets that error as its reply") {
  read_symbol(7, "early", "jiffies_64");  // before hello: deferred
  hello();
  read_symbol(8, "late", "jiffies_64");
  done();
  ended();
  (void)run();
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].request == 7);
  CHECK(replies[1].request == 8);
  for (const HeardReply& reply : replies) {
    CHECK_FALSE(reply.ok);
    CHECK(reply.error.starts_with("the guest's kernel could not be adopted: "));
  }
  CHECK(machine().freezes() == 0);
  CHECK(kinds() == std::vector{Record::OP_REQUESTED, Record::OP_DEFERRED, Record::GUEST_HELLO,
                               Record::OP_REPLIED, Record::OP_REQUESTED, Record::OP_REPLIED,
                               Record::GUEST_EXITED, Record::SEALED});
}

TEST_CASE_METHOD(EngineFixture,
                 "a request that cannot be decoded still gets its reply, and stays on the tape") {
  hello();
  request(3, [](schema::OpEntry::Builder entry) {
    entry.setTag("bad");
    entry.initTarget().setSymbol("jiffies_64");
    entry.getTarget().setPath("a..b");
    entry.setRead(schema::ValueKind::U64);
  });
  agent_says(
      [](schema::FromAgent::Builder message) { message.initRequest().setId(4); });  // no entries
  done();
  ended();
  RunEnd end = run();
  CHECK(end.outcome == Outcome::COMPLETED);
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].request == 3);
  CHECK_FALSE(replies[0].error.empty());
  CHECK(replies[1].request == 4);
  CHECK_FALSE(replies[1].error.empty());
}

namespace {

// Requests on a machine that holds a kernel with one task that can be written.
class ServedRequests : public EngineFixture {
 public:
  ServedRequests() {
    FakeKernel kernel;
    kernel.add_task(kPid, "sleeper", kStartNs);
    knowledge(kernel.knowledge(), kernel.ram());
  }

  void on_vtime(uint64_t id, const std::function<void(schema::OpEntry::Builder)>& action) {
    request(id, [&](schema::OpEntry::Builder entry) {
      entry.setTag("vtime");
      auto task = entry.initTarget().initTask();
      task.setPid(kPid);
      task.setStartBoottimeNs(kStartNs);
      entry.getTarget().setPath("scx.dsq_vtime");
      action(entry);
    });
  }
  void write_vtime(uint64_t id, uint64_t value) {
    on_vtime(id, [&](schema::OpEntry::Builder entry) { entry.initWrite().setU64(value); });
  }
  void read_vtime(uint64_t id) {
    on_vtime(id, [](schema::OpEntry::Builder entry) { entry.setRead(schema::ValueKind::U64); });
  }

  // Values in the tape's replies, in order; 0 if there is none.
  std::vector<uint64_t> replied_values() const {
    std::vector<uint64_t> values;
    must(must(TapeReader::open(tape()))->for_each([&](const RecordView& view) -> Result<void> {
      if (!view.record.isOpReplied()) return {};
      for (auto entry : view.record.getOpReplied().getEntries()) {
        values.push_back(entry.getValue().isU64() ? entry.getValue().getU64() : 0);
      }
      return {};
    }));
    return values;
  }

 private:
  static constexpr int32_t kPid = 70;
  static constexpr uint64_t kStartNs = 5'000'000'000;
};

size_t count(const std::vector<schema::Record::Which>& kinds, schema::Record::Which kind) {
  return static_cast<size_t>(std::count(kinds.begin(), kinds.end(), kind));
}

}  // namespace

TEST_CASE_METHOD(ServedRequests,
                 "requests that come before adoption are served after it, in order") {
  write_vtime(1, 1000);
  read_vtime(2);
  write_vtime(3, 2000);
  hello();
  read_vtime(4);
  done();
  ended();
  CHECK(run().outcome == Outcome::COMPLETED);
  REQUIRE(replies.size() == 4);
  for (uint64_t i = 0; i < 4; ++i) {
    CHECK(replies[i].request == i + 1);
    CHECK(replies[i].ok);
  }
  CHECK(replied_values() == std::vector<uint64_t>{1000, 1000, 2000, 2000});
  CHECK(count(kinds(), Record::OP_DEFERRED) == 3);
  CHECK(machine().freezes() == 4);
}

TEST_CASE_METHOD(EngineFixture,
                 "an image of another kernel gives each request that error, exactly once") {
  FakeKernel imaged;
  FakeKernel running;
  std::vector<std::byte> ram = running.ram();
  // The running kernel's own banner says that it is another one.
  constexpr std::string_view kBanner = "Linux version";
  const auto as_bytes_of_banner = as_bytes(kBanner);
  for (auto at = ram.begin(); at != ram.end();) {
    at = std::search(at, ram.end(), as_bytes_of_banner.begin(), as_bytes_of_banner.end());
    if (at != ram.end()) *at++ = std::byte{'X'};
  }
  knowledge(imaged.knowledge(), std::move(ram));
  for (uint64_t id = 1; id <= 3; ++id) read_symbol(id, "early", "jiffies_64");
  hello();
  done();
  ended();
  (void)run();
  REQUIRE(replies.size() == 3);
  for (uint64_t i = 0; i < 3; ++i) {
    CHECK(replies[i].request == i + 1);
    CHECK(replies[i].error.find("is not in guest memory: its banner was not found") !=
          std::string::npos);
  }
  CHECK(machine().freezes() == 0);
}

TEST_CASE_METHOD(
    EngineFixture,
    "without sched_ext a deferred write to a task is refused, and a deferred read served") {
  FakeKernel kernel(FakeKernelShape{.sched_ext = false});
  kernel.add_task(70, "sleeper", 5'000'000'000);
  knowledge(kernel.knowledge(), kernel.ram());
  const auto on_pid = [&](uint64_t id,
                          const std::function<void(schema::OpEntry::Builder)>& action) {
    request(id, [&](schema::OpEntry::Builder entry) {
      auto task = entry.initTarget().initTask();
      task.setPid(70);
      task.setStartBoottimeNs(5'000'000'000);
      entry.getTarget().setPath("policy");
      action(entry);
    });
  };
  on_pid(1, [](schema::OpEntry::Builder entry) { entry.initWrite().setU32(3); });
  on_pid(2, [](schema::OpEntry::Builder entry) { entry.setRead(schema::ValueKind::U32); });
  hello();
  done();
  ended();
  CHECK(run().outcome == Outcome::COMPLETED);
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].statuses == std::vector{schema::EntryStatus::REFUSED});
  CHECK(replies[1].statuses == std::vector{schema::EntryStatus::DONE});
}

TEST_CASE_METHOD(ServedRequests,
                 "a freeze is on the tape with its gates, between the request and its reply") {
  hello();
  write_vtime(1, 1000);
  done();
  ended();
  (void)run();
  std::vector<schema::Record::Which> all = kinds();
  auto at = [&](Record::Which kind) {
    return std::find(all.begin(), all.end(), kind) - all.begin();
  };
  CHECK(at(Record::OP_REQUESTED) < at(Record::FREEZE_BEGAN));
  CHECK(at(Record::FREEZE_BEGAN) < at(Record::FROZEN));
  CHECK(at(Record::FROZEN) < at(Record::GATE_CHECKED));
  CHECK(at(Record::GATE_CHECKED) < at(Record::THAWED));
  CHECK(at(Record::THAWED) < at(Record::OP_REPLIED));
  CHECK(count(all, Record::GATE_CHECKED) == 12);
  CHECK(count(all, Record::LAYOUT_USED) > 0);
}

TEST_CASE_METHOD(ServedRequests,
                 "a machine that is lost in a freeze leaves its request answered on the tape") {
  machine().fail_next_freeze(Error{ErrorCode::kMachineLost, "QEMU ended by signal 9", ""});
  hello();
  write_vtime(1, 1000);
  RunEnd end = run();
  CHECK(end.outcome == Outcome::MACHINE_LOST);
  std::vector<schema::Record::Which> all = kinds();
  CHECK(count(all, Record::OP_REQUESTED) == 1);
  CHECK(count(all, Record::OP_REPLIED) == 1);
  CHECK(count(all, Record::THAWED) == 0);
}

TEST_CASE_METHOD(ServedRequests,
                 "a machine that does not resume leaves what was done in the freeze on the tape") {
  machine().fail_next_thaw(Error{ErrorCode::kMachineLost, "QMP does not answer", ""});
  hello();
  write_vtime(1, 1000);
  RunEnd end = run();
  CHECK(end.outcome == Outcome::MACHINE_LOST);
  CHECK(replied_values() == std::vector<uint64_t>{1000});
  CHECK(count(kinds(), Record::GATE_CHECKED) == 12);
}

TEST_CASE_METHOD(ServedRequests,
                 "a host that cannot continue ends the run with a sealed tape that says why") {
  machine().fail_next_freeze(Error{ErrorCode::kHost, "no memory", ""});
  hello();
  write_vtime(1, 1000);
  RunEnd end = run();
  CHECK(end.outcome == Outcome::HOST_FAILED);
  CHECK(end.detail == "no memory");
  CHECK(kinds().back() == Record::SEALED);
}

namespace {

// The u64 at the address in each reply, from the pages of its freeze.
std::vector<uint64_t> values_in_pages(const std::string& path) {
  auto tape = must(TapeReader::open(path));
  std::vector<uint64_t> values;
  must(tape->for_each([&](const RecordView& view) -> Result<void> {
    if (!view.record.isOpReplied()) return {};
    auto reply = view.record.getOpReplied();
    const uint64_t at = reply.getEntries()[0].getPhysicalAddress();
    for (const FreezePage& row : must(tape->freeze_pages(reply.getFreeze()))) {
      if (row.frame != at / 4096 || !row.hash) continue;
      auto page = must(tape->page(*row.hash));
      uint64_t value = 0;
      std::memcpy(&value, page.data() + at % 4096, sizeof(value));
      values.push_back(value);
    }
    return {};
  }));
  return values;
}

}  // namespace

TEST_CASE_METHOD(ServedRequests,
                 "memory is on the tape as it was before the ops of its freeze wrote") {
  memory(
      GENERATE(schema::MemoryMode::TOUCHED, schema::MemoryMode::SCHED, schema::MemoryMode::FULL));
  hello();
  write_vtime(1, 1000);
  write_vtime(2, 2000);
  read_vtime(3);
  done();
  ended();
  CHECK(run().outcome == Outcome::COMPLETED);
  CHECK(replied_values() == std::vector<uint64_t>{1000, 2000, 2000});
  CHECK(values_in_pages(tape()) == std::vector<uint64_t>{0, 1000, 2000});
  CHECK(must(verify(tape(), std::nullopt)).integrity == Integrity::kIntact);
}

TEST_CASE_METHOD(ServedRequests, "without memory a freeze keeps no page") {
  memory(schema::MemoryMode::NONE);
  hello();
  write_vtime(1, 1000);
  done();
  ended();
  (void)run();
  CHECK(values_in_pages(tape()).empty());
  CHECK(must(verify(tape(), std::nullopt)).integrity == Integrity::kIntact);
}

TEST_CASE_METHOD(ServedRequests, "the memory of a machine that does not resume is on the tape") {
  memory(schema::MemoryMode::TOUCHED);
  machine().fail_next_thaw(Error{ErrorCode::kMachineLost, "QMP does not answer", ""});
  hello();
  write_vtime(1, 1000);
  CHECK(run().outcome == Outcome::MACHINE_LOST);
  CHECK(values_in_pages(tape()) == std::vector<uint64_t>{0});
}

TEST_CASE(
    "a guest that ended itself while the host froze it is not a lost machine: its messages are "
    "read") {
  ServedRequests run;
  run.hello();
  run.step_started(0, "only");
  run.machine().fail_next_thaw(
      Error{ErrorCode::kMachineLost, "the guest ended (guest-shutdown)", ""});
  run.read_symbol(1, "jiffies", "jiffies_64");
  run.done();
  run.ended();
  const RunEnd end = run.run();
  CHECK(end.outcome == Outcome::COMPLETED);
  CHECK(end.exit_code == 0);
}

TEST_CASE("a machine that is gone without a message from the guest is lost, with the reason") {
  ServedRequests run;
  run.hello();
  run.step_started(0, "only");
  run.machine().fail_next_thaw(Error{ErrorCode::kMachineLost, "QEMU is gone", ""});
  run.read_symbol(1, "jiffies", "jiffies_64");
  const RunEnd end = run.run();
  CHECK(end.outcome == Outcome::MACHINE_LOST);
  CHECK(end.detail == "QEMU is gone");
}

}  // namespace ktape::test
