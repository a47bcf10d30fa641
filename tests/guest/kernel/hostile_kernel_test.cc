// SPDX-License-Identifier: Apache-2.0
// Kernel structures that lead in circles or out of memory. The bounds are on the number of reads,
// so that they hold on any host.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "guest/kernel/ops/op_executor.h"
#include "guest/kernel/ops/target_plan.h"
#include "guest/kernel/sched/cpu_wait.h"
#include "guest/kernel/sched/evidence.h"
#include "guest/kernel/sched/sched_ext_state.h"
#include "guest/kernel/sched/scx_exit.h"
#include "guest/kernel/sched/tasks.h"
#include "guest/kernel/survey/memory_survey.h"
#include "guest/kernel/survey/sched_memory.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/kernel/fake_scheduler.h"
#include "tests/support/kernel/make_op.h"
#include "tests/support/must.h"

namespace ktape::test {

using schema::EntryStatus;

namespace {

constexpr int32_t kPid = 77;
constexpr uint64_t kStart = 5230000000;
constexpr uint64_t kNodeBits = 2;  // the low bits of an IDR entry that is a node
constexpr uint64_t kPresent = 1;
constexpr uint64_t kAddressMask = 0x000f'ffff'ffff'f000;

// Counts the reads of a memory.
class CountingMemory final : public WritableGuestMemory {
 public:
  explicit CountingMemory(WritableGuestMemory& memory) : memory_(memory) {}

  Result<void> read(GuestPhysical address, std::span<std::byte> out) const override {
    ++reads_;
    bytes_ += out.size();
    return memory_.read(address, out);
  }
  Result<void> write(GuestPhysical address, std::span<const std::byte> bytes) override {
    return memory_.write(address, bytes);
  }
  Result<std::vector<PhysicalRange>> populated() const override { return memory_.populated(); }
  Result<std::vector<PhysicalRange>> ram() const override { return memory_.ram(); }

  [[nodiscard]] uint64_t reads() const { return reads_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }

 private:
  WritableGuestMemory& memory_;
  mutable uint64_t reads_ = 0;
  mutable uint64_t bytes_ = 0;
};

class HostileKernel {
 public:
  HostileKernel()
      : task(fake.add_task(kPid, "sleeper", kStart)),
        counting(fake.memory()),
        executor(fake.kernel()) {}

  OpResult read(std::string_view path) {
    return executor.read(counting, {read_of(task_target(kPid, kStart, path))}).at(0);
  }
  // Every freeze reads all of this, whatever is requested. The bounds are those in
  // memory_survey.h; a read at an address costs up to 5 reads of page tables.
  void survive_a_freeze() {
    const uint64_t before = counting.reads();
    RecordingMemory recording;
    recording.begin(counting);
    (void)SchedMemory(fake.kernel()).record(recording);
    (void)EvidenceReader(fake.kernel()).read(recording);
    CHECK(recording.recorded() <= MemorySurvey::kMaxFrames + 16);
    CHECK(counting.reads() - before <= 6 * MemorySurvey::kMaxSteps);
  }

  FakeKernel fake;
  GuestVirtual task;
  CountingMemory counting;
  OpExecutor executor;
};

// The direct map's entry in the root table, as the kernel has it.
GuestPhysical direct_map_slot(FakeKernel& fake) {
  const uint64_t root =
      must(fake.kernel().translate(fake.memory(), fake.symbol("init_top_pgt"))).value;
  return GuestPhysical(root + 273 * sizeof(uint64_t));  // of 0xffff888000000000
}

void store(FakeKernel& fake, GuestPhysical at, uint64_t value) {
  must(fake.memory().write(at, std::as_bytes(std::span(&value, 1))));
}

}  // namespace

TEST_CASE_METHOD(HostileKernel, "page tables in a circle cost no more than their levels") {
  const GuestPhysical slot = direct_map_slot(fake);
  store(fake, slot, (slot.value & kAddressMask) | kPresent);
  for (uint64_t page = 0; page < 512; ++page) {
    (void)fake.kernel().translate(counting, GuestVirtual(0xffff888000000000 + (page << 21)));
  }
  CHECK(counting.reads() <= 512 * 5);
  CHECK(read("pid").status != EntryStatus::DONE);
  survive_a_freeze();
}

TEST_CASE_METHOD(HostileKernel,
                 "page tables that lead out of memory are an error, wherever they lead") {
  const GuestPhysical slot = direct_map_slot(fake);
  for (const uint64_t table :
       {uint64_t{0x800000}, uint64_t{0xfffff000}, uint64_t{0x1'0000'0000}, kAddressMask}) {
    store(fake, slot, (table & kAddressMask) | kPresent);
    const auto translated = fake.kernel().translate(counting, GuestVirtual(0xffff888000000000));
    REQUIRE_FALSE(translated.ok());
    CHECK(translated.error().code == ErrorCode::kOutOfRange);
    CHECK(read("pid").status != EntryStatus::DONE);
  }
  survive_a_freeze();
}

// Guard pages of a known pattern around the guest's RAM, and page tables that point to each edge.
TEST_CASE("no write by hostile page tables touches a byte outside the guest's RAM") {
  constexpr uint64_t kGuard = 1 << 16;
  constexpr uint64_t kRam = 1 << 20;
  constexpr uint64_t kPage = 4096;
  std::vector<std::byte> all(kGuard + kRam + kGuard, std::byte{0xa5});
  const std::vector<std::byte> untouched = all;
  // Split, so that there is a hole between low and high memory.
  const std::span<std::byte> ram = std::span(all).subspan(kGuard, kRam);
  FlatMemory memory(ram, kRam / 2);
  const std::vector<std::byte> bytes(3 * kPage, std::byte{0x11});
  for (const uint64_t edge :
       {uint64_t{0}, kRam / 2, kRam, FlatMemory::kHighStart, FlatMemory::kHighStart + kRam / 2,
        uint64_t{1} << 52, ~uint64_t{0} - kPage}) {
    for (int64_t delta = -2; delta <= 2; ++delta) {
      const GuestPhysical at(edge + static_cast<uint64_t>(delta * 8));
      for (const size_t length : {size_t{1}, size_t{8}, size_t{16}, size_t{3} * kPage}) {
        std::vector<std::byte> out(length);
        (void)memory.read(at, out);
        (void)memory.write(at, std::span(bytes).first(length));
      }
    }
  }
  CHECK(std::equal(all.begin(), all.begin() + kGuard, untouched.begin()));
  CHECK(std::equal(all.end() - kGuard, all.end(), untouched.end() - kGuard));
}

TEST_CASE_METHOD(HostileKernel,
                 "a write that straddles the end of RAM by the page tables writes nothing at all") {
  const uint64_t last = FakeKernel::kNoRam.value - 4;
  std::vector<std::byte> before(4);
  must(fake.kernel().read(fake.memory(), GuestVirtual(last), before));
  const Op op = write_of(virtual_target(GuestVirtual(last), ""), u64_value(~uint64_t{0}));
  const OpResult result = executor.write(counting, {op}).at(0);
  CHECK(result.status == EntryStatus::FAILED);
  std::vector<std::byte> after(4);
  must(fake.kernel().read(fake.memory(), GuestVirtual(last), after));
  CHECK(before == after);
}

TEST_CASE_METHOD(HostileKernel,
                 "an IDR whose nodes all lead to each other is searched in bounded time") {
  // 64 nodes, each with the next as every one of its children: 64^64 ways down.
  const GuestVirtual root(
      fake.value(fake.symbol("init_pid_ns"), "struct pid_namespace", "idr.idr_rt.xa_head") -
      kNodeBits);
  GuestVirtual above = root;
  fake.set(above, "struct xa_node", "shift", 63);
  for (int shift = 62; shift >= 0; --shift) {
    const GuestVirtual below = fake.allocate(576);
    fake.set(below, "struct xa_node", "shift", static_cast<uint64_t>(shift));
    for (int slot = 0; slot < 64; ++slot)
      fake.set(above, "struct xa_node", "slots[" + std::to_string(slot) + "]",
               below.value | kNodeBits);
    above = below;
  }
  for (int slot = 0; slot < 64; ++slot)
    fake.set(above, "struct xa_node", "slots[" + std::to_string(slot) + "]",
             above.value | kNodeBits);
  LayoutLog log(fake.kernel().btf());
  const uint64_t before = counting.reads();
  (void)must(TaskFinder::create(fake.kernel(), log)).find(counting, Pid(kPid));
  CHECK(counting.reads() - before <= 64 * 2 * 6);
  survive_a_freeze();
}

TEST_CASE_METHOD(
    HostileKernel,
    "a task list in a circle ends at the limit, and a request's circles at its budget") {
  const GuestVirtual list =
      fake.field(fake.per_cpu("runqueues", 0), "struct rq", "scx.runnable_list");
  const GuestVirtual node = fake.field(task, "struct task_struct", "scx.runnable_node");
  fake.put(list, node.value, 8);
  fake.put(node, node.value, 8);
  const std::string path = "scx.runnable_list{list struct task_struct scx.runnable_node 65536}.pid";
  std::vector<Op> ops(1024, read_of(per_cpu_target("runqueues", 0, path)));
  const std::vector<OpResult> results = executor.read(counting, ops);
  for (const OpResult& result : results) CHECK(result.status == EntryStatus::FAILED);
  CHECK(results.front().reason ==
        "'" + path.substr(0, path.size() - 4) + "': the list does not end within 65536 entries");
  CHECK(results.back().reason == "the paths of this request lead to too many places");
  CHECK(counting.reads() <= 6 * (PathBudget().steps + ops.size()));
}

TEST_CASE_METHOD(HostileKernel,
                 "pointers of every structure that a freeze reads may lead anywhere") {
  FakeScheduler scheduler(fake, "hostile");
  scheduler.become_root();
  const uint64_t self = scheduler.address().value;
  for (const uint64_t place : {uint64_t{0}, uint64_t{1}, self, FakeKernel::kNoRam.value,
                               uint64_t{0x8000'0000'0000}, ~uint64_t{0} - 7}) {
    for (const char* path :
         {"exit_info", "cgrp_path", "dsq_hash.tbl", "global_dsqs", "children.next"})
      scheduler.set(path, place);
    fake.set_rq(0, "curr", place);
    fake.put(fake.per_cpu("current_task", 1), place, 8);
    fake.set(fake.symbol("map_idr"), "struct idr", "idr_rt.xa_head", place);
    fake.set_idr_slot(5, place);
    survive_a_freeze();
    const auto reader = must(SchedExtReader::create(fake.kernel()));
    const uint64_t before = counting.bytes();
    (void)reader->linked(counting);
    (void)reader->was_enabled(counting, GuestVirtual(place));
    (void)must(CpuWait::create(fake.kernel())).waits(counting, Pid(5));
    (void)reader->read(counting, scheduler.address());
    (void)reader->exit(counting, GuestVirtual(place));
    (void)must(ScxExitReader::create(fake.kernel())).read(counting, GuestVirtual(place));
    CHECK(counting.bytes() - before <= 1 << 20);
  }
}

TEST_CASE_METHOD(HostileKernel,
                 "new names cost a limited number of searches, and are refused after that") {
  constexpr int kMany = 3000;
  CHECK(read("pid").status == EntryStatus::DONE);
  size_t looked_up = 0;
  for (int i = 0; i < kMany; ++i) {
    const OpResult result =
        executor.read(counting, {read_of(symbol_target("no_such_" + std::to_string(i)))}).at(0);
    CHECK(result.status == EntryStatus::REFUSED);
    looked_up += result.reason.starts_with("no symbol ");
  }
  CHECK(looked_up == 1000);
  CHECK(read("pid").status == EntryStatus::DONE);
}

}  // namespace ktape::test
