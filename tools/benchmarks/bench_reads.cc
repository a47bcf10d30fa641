// SPDX-License-Identifier: Apache-2.0
// The cost of one typed read of a request while the machine is frozen: names were resolved before,
// and messages are built afterwards. The memory is that of real kernels laid out as in a machine:
// golden tapes, so no guest runs. `read-symbol/ours` and the like are the rows, for one kernel and
// one size of request; the names with a kernel and a number of entries are the curves.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <map>

#include "guest/kernel/ops/op_executor.h"
#include "tests/golden/recorded_kernel.h"
#include "tests/support/kernel/make_op.h"
#include "tests/support/must.h"
#include "tools/benchmarks/stopped_memory.h"

namespace ktape::test {
namespace {

constexpr const char* kKernels[] = {"6.16.12", "6.19.14", "7.3.4"};
constexpr int64_t kEntries[] = {1, 4, 16, 64, 256};
constexpr const char* kRowKernel = "7.3.4";
constexpr int64_t kRowEntries = 64;

// A frozen kernel.
struct StoppedKernel {
  explicit StoppedKernel(const std::string& version)
      : recorded(fmt::format("kernel-{}.ktape", version)),
        machine(recorded),
        executor(recorded.kernel()) {}

  const RecordedKernel recorded;
  const StoppedMemory machine;
  OpExecutor executor;
};

StoppedKernel& stopped(const std::string& version) {
  static std::map<std::string, StoppedKernel> kernels;
  return kernels.try_emplace(version, version).first->second;
}

using MakeOp = Op (*)(const RecordedKernel&);

Op symbol_read(const RecordedKernel&) {
  return read_of(symbol_target("jiffies_64"), schema::ValueKind::U64);
}
Op per_cpu_read(const RecordedKernel&) {
  return read_of(per_cpu_target("runqueues", 0, "scx.nr_running"));
}
// Twelve gates are evaluated before the value is read.
Op task_read(const RecordedKernel& kernel) {
  return read_of({kernel.sleeper(), must(parse_target_path("scx.dsq_vtime"))});
}

void read_batches(benchmark::State& state, const std::string& version, int64_t entries,
                  MakeOp make) {
  StoppedKernel& kernel = stopped(version);
  const std::vector<Op> batch(static_cast<size_t>(entries), make(kernel.recorded));
  const std::vector<PreparedOp> prepared = kernel.executor.prepare(batch);
  for (auto _ : state) {
    const ServedOps served = kernel.executor.serve_reads(kernel.machine.memory, prepared);
    if (served.ops.back().status != schema::EntryStatus::DONE)
      return state.SkipWithError("a read was refused");
  }
  state.SetItemsProcessed(state.iterations() * entries);
}

void add(const std::string& name, const std::string& version, int64_t entries, MakeOp make) {
  benchmark::RegisterBenchmark(
      name.c_str(), [=](benchmark::State& state) { read_batches(state, version, entries, make); });
}

}  // namespace
}  // namespace ktape::test

int main(int count, char** arguments) {
  using namespace ktape::test;
  const std::pair<std::string, MakeOp> reads[] = {
      {"read-symbol", &symbol_read}, {"read-per-cpu", &per_cpu_read}, {"read-task", &task_read}};
  for (const auto& [name, make] : reads) {
    add(name + "/ours", kRowKernel, kRowEntries, make);
    for (const char* version : kKernels) {
      for (const int64_t entries : kEntries)
        add(fmt::format("{}/{}/{}", name, version, entries), version, entries, make);
    }
  }
  benchmark::Initialize(&count, arguments);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
