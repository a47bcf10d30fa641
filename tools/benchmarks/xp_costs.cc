// SPDX-License-Identifier: Apache-2.0
#include "tools/benchmarks/xp_costs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <vector>

#include "guest/kernel/ops/op_executor.h"
#include "schema/base/json_writer.h"
#include "tests/support/kernel/make_op.h"
#include "tools/benchmarks/at_rest.h"

namespace ktape::bench {

namespace {

constexpr size_t kEntries = 64;
constexpr int kRequests = 200;  // per sample

using Clock = Machine::Clock;

double ns_apart(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::nano>(to - from).count();
}

struct Costs {
  std::vector<double> floor, ours;
  std::vector<double> single;  // a single xp command
  size_t commands = 0;         // number of commands in the floor
};

struct Place {
  GuestPhysical address;
  size_t bytes = 0;
};

// Records what is read from a memory.
class NotedMemory final : public GuestMemory {
 public:
  explicit NotedMemory(const GuestMemory& memory) : memory_(memory) {}
  Result<void> read(GuestPhysical address, std::span<std::byte> out) const override {
    places.push_back({address, out.size()});
    return memory_.read(address, out);
  }
  Result<std::vector<PhysicalRange>> populated() const override { return memory_.populated(); }

  mutable std::vector<Place> places;

 private:
  const GuestMemory& memory_;
};

// What an entry reads once the pages that it needs are known: the reads of a second equal entry in
// one request.
std::vector<Place> places_of(OpExecutor& executor, const GuestMemory& memory, const Op& op) {
  const NotedMemory one(memory);
  const NotedMemory two(memory);
  (void)executor.read(one, {op});
  (void)executor.read(two, {op, op});
  return {two.places.begin() + static_cast<ptrdiff_t>(one.places.size()), two.places.end()};
}

Error differs(const std::string& what, std::string_view xp) {
  return Error{ErrorCode::kInternal, fmt::format("{}: xp reads something else: {}", what, xp), ""};
}

Result<Costs> compare(BareControl& bare, OpExecutor& executor, const GuestMemory& memory,
                      const Op& op, uint32_t pairs, const std::string& what) {
  const std::vector<Op> request(kEntries, op);
  const std::vector<OpResult> first = executor.read(memory, request);
  if (first.back().status != schema::EntryStatus::DONE)
    return Error{ErrorCode::kInternal, what + ": " + first.back().reason, ""};
  const uint64_t place = first.back().physical_address.value;
  const uint32_t width = first.back().width_bytes;
  const std::string seen =
      fmt::format("{:016x}: 0x{:0{}x}", place, test::number_in(*first.back().value), 2 * width);
  const std::vector<Place> places = places_of(executor, memory, op);
  const std::vector<PreparedOp> prepared = executor.prepare(request);
  Costs costs;
  costs.commands = places.size();
  for (uint32_t pair = 0; pair < pairs; ++pair) {
    const Clock::time_point asked = Clock::now();
    const std::string_view answer = bare.xp(place, width == 8 ? 'g' : 'w');
    costs.single.push_back(ns_apart(asked, Clock::now()));
    if (answer.find(seen) == std::string_view::npos) return differs(what + " is " + seen, answer);
    const Clock::time_point begun = Clock::now();
    for (const Place& at : places) bare.xp(at.address.value, at.bytes == 8 ? 'g' : 'w');
    costs.floor.push_back(ns_apart(begun, Clock::now()));
    const Clock::time_point began = Clock::now();
    for (int i = 0; i < kRequests; ++i) {
      if (executor.serve_reads(memory, prepared).ops.back().status != schema::EntryStatus::DONE)
        std::abort();
    }
    costs.ours.push_back(ns_apart(began, Clock::now()) / (kRequests * double{kEntries}));
  }
  return costs;
}

void put_costs(JsonWriter& json, std::string_view name, const Costs& costs) {
  json.key(name)
      .object()
      .field("floor", JsonText{fmt::format("{}", costs.floor)})
      .field("ours", JsonText{fmt::format("{}", costs.ours)})
      .field("single", JsonText{fmt::format("{}", costs.single)})
      .field("commands", JsonNumber{costs.commands})
      .end();
}

}  // namespace

Result<std::string> measure_xp(const GuestOptions& options, uint32_t pairs) {
  std::string result;
  KTAPE_TRY(measure_at_rest(options, [&](Guest& guest, const Kernel& kernel) -> Result<void> {
    KTAPE_ASSIGN(Frozen frozen, guest.machine.freeze());
    BareControl bare(channels_of_qemu(), options.cpus);
    OpExecutor executor(kernel);
    const auto cost = [&](const OpTarget& target, schema::ValueKind kind, const char* what) {
      return compare(bare, executor, frozen.memory(), test::read_of(target, kind), pairs, what);
    };
    const Probe::Worker worker = guest.probe.worker();
    KTAPE_ASSIGN(const Costs symbol,
                 cost(test::symbol_target("jiffies_64"), schema::ValueKind::U64, "symbol"));
    KTAPE_ASSIGN(const Costs per_cpu, cost(test::per_cpu_target("runqueues", 0, "nr_running"),
                                           schema::ValueKind::U32, "per-CPU"));
    KTAPE_ASSIGN(const Costs task,
                 cost(test::task_target(worker.pid, worker.start_boottime_ns, "scx.dsq_vtime"),
                      schema::ValueKind::U64, "task"));
    JsonWriter json;
    json.object();
    put_costs(json, "symbol", symbol);
    put_costs(json, "per-cpu", per_cpu);
    put_costs(json, "task", task);
    result = json.end().take();
    return frozen.thaw();
  }));
  return result;
}

}  // namespace ktape::bench
