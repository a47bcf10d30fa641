// SPDX-License-Identifier: Apache-2.0
// Each of the twelve gates refuses, on the recorded memory of real kernels: a task that passed all
// of them is changed in a copy of that memory, as could not be arranged in a guest. Each case
// states the complete set of failing gates.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstring>
#include <functional>
#include <map>

#include "guest/kernel/ops/gate_words.h"
#include "guest/kernel/ops/op_executor.h"
#include "tests/golden/recorded_kernel.h"
#include "tests/support/kernel/make_op.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

using Names = std::vector<std::string>;
constexpr uint64_t kTickNs = 10'000'000;
constexpr std::string_view kTask = "struct task_struct";

const RecordedKernel& recorded(const std::string& version) {
  static std::map<std::string, RecordedKernel> all;
  return all.try_emplace(version, "kernel-" + version + ".ktape").first->second;
}

// The sleeping worker of a golden tape in private memory, where a test may change it.
class Sleeper {
 public:
  explicit Sleeper(const std::string& version)
      : recorded_(recorded(version)),
        memory_(recorded_.memory()),
        log_(kernel().btf()),
        checker_(kernel(), log_),
        executor_(kernel()),
        asked(recorded_.sleeper()) {
    task_ = checker_.evaluate(memory_, asked, false).task.value();
  }

  const Kernel& kernel() const { return recorded_.kernel(); }

  void set(std::string_view path, uint64_t value) {
    const FieldInfo field = must(kernel().btf().field(kTask, path));
    put(task_ + field.offset_bytes, value, field.type.size_bytes);
  }
  uint64_t get(std::string_view path) const {
    const FieldInfo field = must(kernel().btf().field(kTask, path));
    return must(kernel().read_uint(memory_, task_ + field.offset_bytes, field.type.size_bytes));
  }
  void put(GuestVirtual at, uint64_t value, size_t width) {
    must(kernel().write(memory_, at, std::as_bytes(std::span(&value, 1)).first(width)));
  }
  // The switch that a scheduler makes: all fair tasks, or only those of policy EXT, which this one
  // then is.
  void switch_partially() {
    const FieldInfo count = must(kernel().btf().field("struct static_key", "enabled.counter"));
    put(must(kernel().symbol("__scx_switched_all")) + count.offset_bytes, 0, count.type.size_bytes);
    set("policy", 7);
  }
  void lock_runqueue() {
    const FieldInfo lock = must(kernel().btf().field("struct rq", "__lock.raw_lock.val.counter"));
    const CpuId cpu(static_cast<uint32_t>(get("thread_info.cpu")));
    put(must(kernel().per_cpu(memory_, "runqueues", cpu)) + lock.offset_bytes, 1,
        lock.type.size_bytes);
  }
  uint64_t enumerator(std::string_view type, std::string_view name) const {
    const auto value = kernel().btf().enumerator(type, name);
    if (!value) throw std::runtime_error("no enumerator " + std::string(name));
    return *value;
  }
  GuestVirtual at(std::string_view path) const {
    return task_ + must(kernel().btf().field(kTask, path)).offset_bytes;
  }

  Names with(schema::GateOutcome outcome, bool write) const {
    Names names;
    const GateReadings readings = checker_.evaluate(memory_, asked, write);
    for (const GateResult& gate : checker_.describe(readings, asked, write).gates) {
      if (gate.outcome == outcome) names.push_back(gate_name(gate.gate));
    }
    return names;
  }
  Names failed(bool write) const { return with(schema::GateOutcome::FAILED, write); }

  OpTarget vtime() const { return {asked, must(parse_target_path("scx.dsq_vtime"))}; }
  OpResult read() {
    return executor_.read(memory_, {read_of(vtime(), schema::ValueKind::U64)}).at(0);
  }
  OpResult write() { return executor_.write(memory_, {write_of(vtime(), u64_value(4711))}).at(0); }

 private:
  const RecordedKernel& recorded_;
  RecordedMemory memory_;
  LayoutLog log_;
  GateChecker checker_;
  OpExecutor executor_;
  GuestVirtual task_;

 public:
  TaskRoot asked;  // a test may ask for another
};

// A change to the sleeper, and the gates that then fail.
struct Change {
  const char* what;
  Names fails;
  std::function<void(Sleeper&)> make;
};

const std::vector<Change>& changes() {
  static const std::vector<Change> all = {
      {"nothing", {}, [](Sleeper&) {}},
      {"its pid", {"pid"}, [](Sleeper& s) { s.set("pid", s.get("pid") + 1); }},
      {"a start one tick later",
       {"identity"},
       [](Sleeper& s) { s.set("start_boottime", s.get("start_boottime") + kTickNs); }},
      {"another start time asked",
       {"identity"},
       [](Sleeper& s) { s.asked.start_boottime_ns += kTickNs; }},
      {"dead", {"alive"}, [](Sleeper& s) { s.set("__state", 0x80); }},
      {"on its runqueue", {"offRunqueue"}, [](Sleeper& s) { s.set("on_rq", 1); }},
      {"migrating between runqueues", {"offRunqueue"}, [](Sleeper& s) { s.set("on_rq", 2); }},
      {"on a CPU", {"offRunqueue"}, [](Sleeper& s) { s.set("on_cpu", 1); }},
      {"in a DSQ", {"notQueued"}, [](Sleeper& s) { s.set("scx.dsq", s.at("scx").value); }},
      {"on the runnable list",
       {"notQueued"},
       [](Sleeper& s) { s.set("scx.runnable_node.next", s.at("scx.dsq_list").value); }},
      {"of the fair class",
       {"schedClass"},
       [](Sleeper& s) { s.set("sched_class", must(s.kernel().symbol("fair_sched_class")).value); }},
      {"policy FIFO", {"policy"}, [](Sleeper& s) { s.set("policy", 1); }},
      {"never set up", {"identity", "initialised"}, [](Sleeper& s) { s.set("start_boottime", 0); }},
      {"never set up, and asked for as that",
       {"initialised"},
       [](Sleeper& s) {
         s.set("start_boottime", 0);
         s.asked.start_boottime_ns = 0;
       }},
      {"waking", {"settled"}, [](Sleeper& s) { s.set("__state", 0x200); }},
      {"new", {"settled"}, [](Sleeper& s) { s.set("__state", 0x800); }},
      {"a dispatch pending",
       {"noDispatch"},
       [](Sleeper& s) {
         s.set("scx.ddsp_dsq_id", s.enumerator("scx_dsq_id_flags", "SCX_DSQ_LOCAL"));
       }},
      {"queued with the BPF scheduler",
       {"noDispatch"},
       [](Sleeper& s) {
         s.set("scx.ops_state.counter", s.enumerator("scx_ops_state", "SCX_OPSS_QUEUED"));
       }},
      {"its pi_lock taken",
       {"unlocked"},
       [](Sleeper& s) { s.set("pi_lock.raw_lock.val.counter", 1); }},
      {"its runqueue locked", {"unlocked"}, [](Sleeper& s) { s.lock_runqueue(); }},
      {"in no SCX state",
       {"enabled"},
       [](Sleeper& s) {
         s.set("scx.flags",
               s.get("scx.flags") & ~s.enumerator("scx_ent_flags", "SCX_TASK_STATE_MASK"));
       }},
      {"queued and waiting in a DSQ",
       {"offRunqueue", "notQueued"},
       [](Sleeper& s) {
         s.set("__state", 0);
         s.set("on_rq", 1);
         s.set("scx.dsq", s.at("scx").value);
         s.set("scx.runnable_node.next", s.at("scx.dsq_list").value);
       }},
      {"in the middle of a wake-up",
       {"offRunqueue", "settled", "noDispatch", "unlocked"},
       [](Sleeper& s) {
         s.set("__state", 0x200);
         s.set("on_rq", 1);
         s.set("scx.ddsp_dsq_id", s.enumerator("scx_dsq_id_flags", "SCX_DSQ_LOCAL"));
         s.set("pi_lock.raw_lock.val.counter", 1);
       }},
  };
  return all;
}

bool stops_reads(const Names& failed) {
  return std::any_of(failed.begin(), failed.end(), [](const std::string& gate) {
    return gate == "pid" || gate == "identity" || gate == "alive" || gate == "initialised";
  });
}

// Under either switch the same gates fail, for reads and for writes; a write then changes nothing.
void check_changes(const std::string& version) {
  for (const bool partial : {false, true}) {
    for (const Change& change : changes()) {
      INFO(version << ", " << (partial ? "partial" : "full") << " switch: " << change.what);
      Sleeper sleeper(version);
      if (partial) sleeper.switch_partially();
      change.make(sleeper);
      CHECK(sleeper.failed(false) == change.fails);
      CHECK(sleeper.failed(true) == change.fails);
      CHECK(sleeper.with(schema::GateOutcome::NOT_EVALUATED, true).empty());
      const uint64_t before = sleeper.get("scx.dsq_vtime");
      using Status = schema::EntryStatus;
      CHECK(sleeper.read().status == (stops_reads(change.fails) ? Status::REFUSED : Status::DONE));
      CHECK(sleeper.write().status == (change.fails.empty() ? Status::DONE : Status::REFUSED));
      CHECK(sleeper.get("scx.dsq_vtime") == (change.fails.empty() ? 4711 : before));
    }
  }
}

}  // namespace

TEST_CASE("each gate refuses what it should, and no other does, on recorded memory of 6.16.12") {
  check_changes("6.16.12");
}
TEST_CASE("each gate refuses what it should, and no other does, on recorded memory of 6.19.14") {
  check_changes("6.19.14");
}
TEST_CASE("each gate refuses what it should, and no other does, on recorded memory of 7.3.4") {
  check_changes("7.3.4");
}

TEST_CASE("no task has the requested pid: gate 1 fails, and the others are not evaluated") {
  Sleeper sleeper(GENERATE(as<std::string>(), "6.16.12", "6.19.14", "7.3.4"));
  sleeper.asked.pid = Pid(32000);
  CHECK(sleeper.failed(false) == Names{"pid"});
  CHECK(sleeper.failed(true) == Names{"pid"});
  CHECK(sleeper.with(schema::GateOutcome::NOT_EVALUATED, true).size() == 11);
  CHECK(sleeper.read().status == schema::EntryStatus::REFUSED);
  CHECK(sleeper.write().status == schema::EntryStatus::REFUSED);
}

TEST_CASE("a full switch takes policies NORMAL, BATCH and IDLE over, a partial one only EXT") {
  const std::string version = GENERATE(as<std::string>(), "6.16.12", "6.19.14", "7.3.4");
  for (const uint64_t policy : {0, 3, 5, 7}) {
    INFO(version << ", policy " << policy);
    Sleeper full(version);
    full.set("policy", policy);
    CHECK(full.failed(true).empty());
    Sleeper partial(version);
    partial.switch_partially();
    partial.set("policy", policy);
    CHECK(partial.failed(true) == (policy == 7 ? Names{} : Names{"policy"}));
  }
}

TEST_CASE("under a partial switch a worker that stayed fair fails at class, policy and SCX state") {
  Sleeper sleeper(GENERATE(as<std::string>(), "6.16.12", "6.19.14", "7.3.4"));
  sleeper.switch_partially();
  sleeper.set("policy", 0);
  sleeper.set("sched_class", must(sleeper.kernel().symbol("fair_sched_class")).value);
  sleeper.set("scx.flags", 0);
  CHECK(sleeper.failed(true) == Names{"schedClass", "policy", "enabled"});
  CHECK(sleeper.read().status == schema::EntryStatus::DONE);
  CHECK(sleeper.write().status == schema::EntryStatus::REFUSED);
}

}  // namespace ktape::test
