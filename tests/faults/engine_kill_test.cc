// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/mman.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <random>
#include <stdexcept>

#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"
#include "tests/capture/run/engine_fixture.h"
#include "tests/faults/doomed_process.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

// KTAPE_KILLS: how often a recorder is killed.
namespace ktape::test {

namespace {

using std::chrono::microseconds;

constexpr uint64_t kWrites = 60;
constexpr int32_t kPid = 70;
constexpr uint64_t kStartNs = 5'000'000'000;

// A guest's memory that outlives the process which writes to it.
class SharedRam {
 public:
  explicit SharedRam(const std::vector<std::byte>& content) : bytes_(content.size()) {
    start_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (start_ == MAP_FAILED) throw std::runtime_error("cannot map memory");
    std::copy(content.begin(), content.end(), all().begin());
  }
  ~SharedRam() { ::munmap(start_, bytes_); }
  SharedRam(const SharedRam&) = delete;
  SharedRam& operator=(const SharedRam&) = delete;

  [[nodiscard]] std::span<std::byte> all() const {
    return {static_cast<std::byte*>(start_), bytes_};
  }
  [[nodiscard]] uint64_t u64_at(uint64_t offset) const {
    uint64_t value = 0;
    std::copy_n(all().begin() + static_cast<ptrdiff_t>(offset), sizeof value,
                std::as_writable_bytes(std::span(&value, 1)).begin());
    return value;
  }

 private:
  size_t bytes_;
  void* start_ = nullptr;
};

// The writes on a tape: the value of the last that was requested, and of the last with a reply.
struct WritesOnTape {
  uint64_t requested = 0;
  uint64_t replied = 0;
  uint64_t address = 0;  // guest-physical, of what was written
};

WritesOnTape writes_on(const std::string& path) {
  WritesOnTape writes;
  must(must(TapeReader::open(path))
           ->for_each(
               [&](const RecordView& view) -> Result<void> {
                 if (view.record.isOpRequested())
                   writes.requested =
                       view.record.getOpRequested().getEntries()[0].getWrite().getU64();
                 if (view.record.isOpReplied()) {
                   auto entry = view.record.getOpReplied().getEntries()[0];
                   writes.replied = entry.getValue().getU64();
                   writes.address = entry.getPhysicalAddress();
                 }
                 return {};
               },
               ChainCheck::kRecords));
  return writes;
}

// An engine on a machine without a guest, whose agent requests one write after another: 1, 2, 3...
class WritingRun : public EngineFixture {
 public:
  WritingRun() {
    FakeKernel kernel;
    kernel.add_task(kPid, "sleeper", kStartNs);
    ram_ = std::make_unique<SharedRam>(kernel.ram());
    knowledge(kernel.knowledge(), ram_->all());
    memory(schema::MemoryMode::SCHED);
  }

  // Reports each write whose reply has reached the guest.
  void live(const DoomedProcess::Report& report) {
    on_reply = [&](const HeardReply& reply) {
      if (!reply.ok) throw std::runtime_error("a write was refused");
      report(reply.request);
      if (reply.request < kWrites) return write(reply.request + 1);
      done();
      ended();
    };
    hello();
    write(1);
    (void)run();
  }

  [[nodiscard]] uint64_t in_memory(uint64_t address) const { return ram_->u64_at(address); }

 private:
  void write(uint64_t number) {
    request(number, [&](schema::OpEntry::Builder entry) {
      entry.setTag("vtime");
      auto task = entry.initTarget().initTask();
      task.setPid(kPid);
      task.setStartBoottimeNs(kStartNs);
      entry.getTarget().setPath("scx.dsq_vtime");
      entry.initWrite().setU64(number);
    });
  }

  std::unique_ptr<SharedRam> ram_;
};

struct Life {
  microseconds per_write{};
  uint64_t address = 0;
};

Life whole_life() {
  using Clock = std::chrono::steady_clock;
  WritingRun run;
  Clock::time_point first{};
  Clock::time_point last{};
  run.live([&](uint64_t) {
    last = Clock::now();
    if (first == Clock::time_point{}) first = last;
  });
  const WritesOnTape writes = writes_on(run.tape());
  REQUIRE(writes.replied == kWrites);
  REQUIRE(run.in_memory(writes.address) == kWrites);
  return {std::chrono::duration_cast<microseconds>(last - first) / (kWrites - 1), writes.address};
}

}  // namespace

TEST_CASE(
    "whenever the recorder is killed, each write that reached the guest's memory is on the tape") {
  const Life life = whole_life();
  std::mt19937_64 random{std::random_device()()};
  int within_writes = 0;
  int between_write_and_reply = 0;
  for (int i = 0; i < KTAPE_KILLS; ++i) {
    WritingRun run;
    DoomedProcess engine([&](const DoomedProcess::Report& report) { run.live(report); });
    const auto reply = std::uniform_int_distribution<uint64_t>(0, kWrites)(random);
    const auto later =
        std::uniform_int_distribution<int64_t>(0, 2 * life.per_write.count())(random);
    engine.kill_after(reply, microseconds(later));
    const uint64_t written = run.in_memory(life.address);
    INFO("killed " << later << " us after reply " << reply << "; last write in memory: " << written
                   << ", last that the guest knew of: " << engine.last_report());
    const bool sealed = std::filesystem::exists(run.tape());
    const std::string left = sealed ? run.tape() : run.tape() + ".partial";
    const Result<Verification> found = verify(left, std::nullopt);
    if (!found.ok()) {
      // There is no tape yet.
      CHECK(written == 0);
      continue;
    }
    INFO(found->finding);
    CHECK((found->integrity == Integrity::kUnsealed || found->integrity == Integrity::kIntact));
    const WritesOnTape writes = writes_on(left);
    CHECK(writes.requested >= written);
    CHECK(writes.replied >= engine.last_report());
    if (written > 0 && written < kWrites) ++within_writes;
    if (written > writes.replied) ++between_write_and_reply;
  }
  fmt::print(stderr, "{} kills: {} amid the writes, {} of them between a write and its reply\n",
             KTAPE_KILLS, within_writes, between_write_and_reply);
  CHECK(within_writes > KTAPE_KILLS / 2);
}

}  // namespace ktape::test
