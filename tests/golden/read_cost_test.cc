// SPDX-License-Identifier: Apache-2.0
// What a read costs, on the memory of real kernels laid out as a machine's is. Nothing is asserted of it:
// hidden, `test_recorded '[benchmark]'` prints it.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdlib>

#include "guest/kernel/flat_memory.h"
#include "guest/kernel/op_executor.h"
#include "tests/golden/recorded_kernel.h"
#include "tests/support/make_op.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

constexpr uint64_t kRamBytes = uint64_t{512} << 20;  // of the machines that the golden tapes are of
constexpr size_t kBatch = 1000;
constexpr int kBatches = 101;

// Zeroed pages take no memory until they are written.
struct Ram {
  Ram() : bytes(static_cast<std::byte*>(std::calloc(kRamBytes, 1)), &std::free) {
    if (bytes == nullptr) throw std::runtime_error("no memory");
  }
  std::unique_ptr<std::byte, decltype(&std::free)> bytes;
};

void copy_pages(const RecordedMemory& from, std::span<std::byte> ram) {
  for (const PhysicalRange& range : must(from.populated())) {
    must(from.read(range.start, ram.subspan(range.start.value, range.bytes)));
  }
}

// Of the batches, the one in the middle.
uint64_t ns_per_read(OpExecutor& executor, const GuestMemory& memory, const Op& op) {
  const std::vector<Op> batch(kBatch, op);
  std::vector<uint64_t> took;
  for (int i = 0; i < kBatches; ++i) {
    const auto began = std::chrono::steady_clock::now();
    const std::vector<OpResult> results = executor.read(memory, batch);
    const auto passed = std::chrono::steady_clock::now() - began;
    REQUIRE(results.back().status == schema::EntryStatus::DONE);
    took.push_back(static_cast<uint64_t>(std::chrono::nanoseconds(passed).count()) / kBatch);
  }
  std::nth_element(took.begin(), took.begin() + kBatches / 2, took.end());
  return took[kBatches / 2];
}

}  // namespace

TEST_CASE("what reads of a symbol, a per-CPU variable and a task cost", "[.][benchmark]") {
  for (const char* version : {"6.16.12", "6.19.14", "7.3.4"}) {
    const RecordedKernel recorded(fmt::format("kernel-{}.ktape", version));
    Ram ram;
    const std::span<std::byte> bytes(ram.bytes.get(), kRamBytes);
    copy_pages(recorded.memory(), bytes);
    const FlatMemory memory(bytes, kRamBytes);
    OpExecutor executor(recorded.kernel());
    const auto cost = [&](OpTarget target, schema::ValueKind kind) {
      return ns_per_read(executor, memory, read_of(std::move(target), kind));
    };
    fmt::print("{}: {} ns of a symbol, {} ns of a per-CPU member, {} ns of a task with its gates\n", version,
               cost(symbol_target("jiffies_64"), schema::ValueKind::U64),
               cost(per_cpu_target("runqueues", 0, "scx.nr_running"), schema::ValueKind::AUTO),
               cost({recorded.sleeper(), must(parse_target_path("scx.dsq_vtime"))}, schema::ValueKind::AUTO));
  }
}

}  // namespace ktape::test
