// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/gates.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "guest/kernel/ops/gate_words.h"
#include "guest/kernel/sched/evidence.h"
#include "guest/kernel/sched/runqueue_lock.h"
#include "guest/kernel/sched/tasks.h"

namespace ktape {

namespace {

// include/uapi/linux/sched.h
constexpr uint64_t kSchedNormal = 0;
constexpr uint64_t kSchedBatch = 3;
constexpr uint64_t kSchedIdle = 5;
constexpr uint64_t kSchedExt = 7;

constexpr size_t kGates = 12;
constexpr std::string_view kNoSchedExt = "this kernel has no sched_ext";

// A field of task_struct, if this kernel has it.
struct TaskField {
  std::string_view name;
  std::optional<FieldInfo> info;
};

// For a read, the question is only whether this is still the task that was asked for; where it is
// queued is for the reader to judge.
bool enforced_for_reads(schema::Gate gate) {
  return gate == schema::Gate::PID || gate == schema::Gate::IDENTITY ||
         gate == schema::Gate::ALIVE || gate == schema::Gate::INITIALISED;
}

// Whether a task that fails this gate may pass it a moment later. Never for the gates of identity:
// a task that is another one will not become the right one again, and class, policy and state
// change only by what others do to it.
bool fails_by_the_instant(schema::Gate gate, bool goes_to_sleep) {
  switch (gate) {
    case schema::Gate::OFF_RUNQUEUE:
    case schema::Gate::NOT_QUEUED: return goes_to_sleep;
    case schema::Gate::SETTLED:
    case schema::Gate::NO_DISPATCH:
    case schema::Gate::UNLOCKED: return true;
    default: return false;
  }
}

schema::GateOutcome outcome_of(const Result<GateReading>& seen) {
  if (!seen.ok()) return schema::GateOutcome::NOT_EVALUATED;
  return seen->passed ? schema::GateOutcome::PASSED : schema::GateOutcome::FAILED;
}

}  // namespace

// How this kernel encodes ENABLED in scx.flags: (flags & mask) >> shift is `value`, and `states`
// names the others.
struct EnabledState {
  uint64_t mask = 0;
  uint64_t shift = 0;
  uint64_t value = 0;
  std::string_view states;
};

// One task, as seen by one check.
struct Subject {
  const GuestMemory& memory;
  const TaskRoot& asked;
  GuestVirtual task;
};

struct GateChecker::Impl {
  Impl(const Kernel& adopted, LayoutLog& log);

  using Evaluate = Result<GateReading> (Impl::*)(const Subject&) const;
  struct Entry {
    schema::Gate gate;
    Evaluate evaluate;
  };
  static const std::array<Entry, kGates> kTable;

  Result<uint64_t> get(const Subject& subject, const TaskField& field) const;
  Result<uint64_t> scx_constant(std::string_view enum_name, std::string_view name) const;
  Result<EnabledState> find_enabled_state() const;
  Result<bool> switched_all(const GuestMemory& memory) const;
  bool goes_to_sleep(const Subject& s) const;

  Result<GateReading> pid_gate(const Subject& s) const;
  Result<GateReading> identity(const Subject& s) const;
  Result<GateReading> alive(const Subject& s) const;
  Result<GateReading> off_runqueue(const Subject& s) const;
  Result<GateReading> not_queued(const Subject& s) const;
  Result<GateReading> sched_class_gate(const Subject& s) const;
  Result<GateReading> policy_gate(const Subject& s) const;
  Result<GateReading> initialised(const Subject& s) const;
  Result<GateReading> settled(const Subject& s) const;
  Result<GateReading> no_dispatch(const Subject& s) const;
  Result<GateReading> unlocked(const Subject& s) const;
  Result<GateReading> enabled(const Subject& s) const;

  // Without sched_ext there is nothing to check, but a write must not pass because of that: it
  // fails at the class.
  Result<GateReading> no_sched_ext(const Entry& entry, const Subject& subject, bool write) const;
  bool is_blind(schema::Gate gate) const;

  GateResult gate_in_words(const Entry& entry, const Result<GateReading>& seen,
                           const TaskRoot& asked, bool write) const;
  std::vector<GateResult> without_task(const TaskRoot& asked, const std::string& why, bool searched,
                                       bool write) const;

  const Kernel& kernel;
  bool has_sched_ext;
  Result<TaskFinder> finder;
  RunqueueLock runqueue_lock;
  TaskField pid{"pid"}, start_time{"start_time"}, start_boottime{"start_boottime"},
      state{"__state"}, on_rq{"on_rq"}, on_cpu{"on_cpu"}, policy{"policy"},
      sched_class{"sched_class"}, pi_lock{"pi_lock.raw_lock.val.counter"}, cpu{"thread_info.cpu"},
      sched_delayed{"se.sched_delayed"}, dsq{"scx.dsq"}, runnable_node{"scx.runnable_node.next"},
      ddsp_dsq_id{"scx.ddsp_dsq_id"}, ops_state{"scx.ops_state.counter"}, flags{"scx.flags"};
  std::optional<FieldInfo> static_key_enabled;
  // Looked up once, because symbol lookups are slow.
  Result<GuestVirtual> ext_sched_class, switched_all_key;
  Result<uint64_t> dsq_invalid, opss_none, opss_shift;
  Result<EnabledState> enabled_state;
};

// In the order of their numbers, which is the order on the tape and of gates_complete.
const std::array<GateChecker::Impl::Entry, kGates> GateChecker::Impl::kTable = {{
    {schema::Gate::PID, &Impl::pid_gate},
    {schema::Gate::IDENTITY, &Impl::identity},
    {schema::Gate::ALIVE, &Impl::alive},
    {schema::Gate::OFF_RUNQUEUE, &Impl::off_runqueue},
    {schema::Gate::NOT_QUEUED, &Impl::not_queued},
    {schema::Gate::SCHED_CLASS, &Impl::sched_class_gate},
    {schema::Gate::POLICY, &Impl::policy_gate},
    {schema::Gate::INITIALISED, &Impl::initialised},
    {schema::Gate::SETTLED, &Impl::settled},
    {schema::Gate::NO_DISPATCH, &Impl::no_dispatch},
    {schema::Gate::UNLOCKED, &Impl::unlocked},
    {schema::Gate::ENABLED, &Impl::enabled},
}};

// A kernel without one of these is still adopted: the gate that needs it reports why it could not
// be evaluated, and a write is refused.
GateChecker::Impl::Impl(const Kernel& adopted, LayoutLog& log)
    : kernel(adopted),
      has_sched_ext(adopted.knowledge().has_sched_ext()),
      finder(TaskFinder::create(adopted, log)),
      runqueue_lock(adopted, log),
      ext_sched_class(adopted.symbol("ext_sched_class")),
      switched_all_key(adopted.symbol("__scx_switched_all")),
      dsq_invalid(scx_constant("scx_dsq_id_flags", "SCX_DSQ_INVALID")),
      opss_none(scx_constant("scx_ops_state", "SCX_OPSS_NONE")),
      opss_shift(scx_constant("scx_ops_state", "SCX_OPSS_QSEQ_SHIFT")),
      enabled_state(find_enabled_state()) {
  for (TaskField* field : {&pid, &start_time, &start_boottime, &on_rq, &on_cpu, &policy,
                           &sched_class, &pi_lock, &sched_delayed}) {
    field->info = log.first_of(kTaskStruct, {field->name});
  }
  // `state` before 2f064a59a11f ("sched: Change task_struct::state").
  state.info = log.first_of(kTaskStruct, {"__state", "state"});
  // `cpu` is in task_struct itself unless CONFIG_THREAD_INFO_IN_TASK moved it.
  cpu.info = log.first_of(kTaskStruct, {"thread_info.cpu", "cpu"});
  if (!has_sched_ext) return;
  for (TaskField* field : {&dsq, &runnable_node, &ddsp_dsq_id, &ops_state, &flags}) {
    field->info = log.first_of(kTaskStruct, {field->name});
  }
  static_key_enabled = log.first_of("struct static_key", {"enabled.counter"});
}

Result<uint64_t> GateChecker::Impl::get(const Subject& subject, const TaskField& field) const {
  if (!field.info) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("this kernel's task_struct has no '{}'", field.name), ""};
  }
  return kernel.read_uint(subject.memory, subject.task + field.info->offset_bytes,
                          field.info->type.size_bytes);
}

Result<uint64_t> GateChecker::Impl::scx_constant(std::string_view enum_name,
                                                 std::string_view name) const {
  const std::optional<uint64_t> value = kernel.btf().enumerator(enum_name, name);
  if (value) return *value;
  return Error{ErrorCode::kNotFound,
               fmt::format("this kernel's 'enum {}' has no '{}'", enum_name, name), ""};
}

Result<GateReading> GateChecker::Impl::pid_gate(const Subject& s) const {
  KTAPE_ASSIGN(const uint64_t found, get(s, pid));
  // The xarray says where the task is; its own field says whether that slab object still is this
  // task.
  return GateReading{static_cast<int32_t>(found) == s.asked.pid.value, {found}};
}

Result<GateReading> GateChecker::Impl::identity(const Subject& s) const {
  KTAPE_ASSIGN(const uint64_t boottime, get(s, start_boottime));
  // /proc/PID/stat has the time in clock ticks, rounded down (fs/proc/array.c), and that is all
  // that the agent can ask for.
  const bool same = boottime / kClockTickNs * kClockTickNs == s.asked.start_boottime_ns;
  const Result<uint64_t> monotonic = get(s, start_time);
  if (!monotonic.ok()) return GateReading{same, {boottime, 0, 0}};
  return GateReading{same, {boottime, *monotonic, 1}};
}

Result<GateReading> GateChecker::Impl::alive(const Subject& s) const {
  KTAPE_ASSIGN(const uint64_t found, get(s, state));
  return GateReading{(found & kTaskDead) == 0, {found}};
}

Result<GateReading> GateChecker::Impl::off_runqueue(const Subject& s) const {
  KTAPE_ASSIGN(const uint64_t queued, get(s, on_rq));
  KTAPE_ASSIGN(const uint64_t running, get(s, on_cpu));
  // Both: a task that goes to sleep leaves the runqueue before it leaves its CPU, and one that
  // wakes up may be on neither.
  return GateReading{queued == 0 && running == 0, {queued, running}};
}

Result<GateReading> GateChecker::Impl::not_queued(const Subject& s) const {
  KTAPE_ASSIGN(const uint64_t queue, get(s, dsq));
  KTAPE_ASSIGN(const uint64_t next, get(s, runnable_node));
  // list_empty(): an unlinked list head points to itself. Independent of dsq: a task that the BPF
  // scheduler holds in a queue of its own is in no DSQ, but on the runnable list.
  const bool empty = next == (s.task + runnable_node.info->offset_bytes).value;
  return GateReading{queue == 0 && empty, {queue, empty ? 1u : 0u}};
}

Result<GateReading> GateChecker::Impl::sched_class_gate(const Subject& s) const {
  KTAPE_ASSIGN(const uint64_t found, get(s, sched_class));
  KTAPE_ASSIGN(const GuestVirtual ext, ext_sched_class);
  return GateReading{found == ext.value, {found}};
}

// A static key: off if and only if its count is 0.
Result<bool> GateChecker::Impl::switched_all(const GuestMemory& memory) const {
  KTAPE_ASSIGN(const GuestVirtual key, switched_all_key);
  if (!static_key_enabled) {
    return Error{ErrorCode::kNotFound, "this kernel's 'struct static_key' has no 'enabled.counter'",
                 ""};
  }
  KTAPE_ASSIGN(const uint64_t count,
               kernel.read_uint(memory, key + static_key_enabled->offset_bytes,
                                static_key_enabled->type.size_bytes));
  return count != 0;
}

Result<GateReading> GateChecker::Impl::policy_gate(const Subject& s) const {
  KTAPE_ASSIGN(const uint64_t found, get(s, policy));
  KTAPE_ASSIGN(const bool full, switched_all(s.memory));
  // Under a full switch every task that would be in the fair class is in ext (kernel/sched/ext.c,
  // task_should_scx()); deadline and real-time tasks keep their classes.
  const bool fair = found == kSchedNormal || found == kSchedBatch || found == kSchedIdle;
  return GateReading{found == kSchedExt || (full && fair), {found, full ? 1u : 0u}};
}

Result<GateReading> GateChecker::Impl::initialised(const Subject& s) const {
  KTAPE_ASSIGN(const uint64_t boottime, get(s, start_boottime));
  return GateReading{boottime != 0, {boottime}};
}

Result<GateReading> GateChecker::Impl::settled(const Subject& s) const {
  KTAPE_ASSIGN(const uint64_t found, get(s, state));
  return GateReading{(found & (kTaskWaking | kTaskNew)) == 0, {found}};
}

Result<GateReading> GateChecker::Impl::no_dispatch(const Subject& s) const {
  KTAPE_ASSIGN(const uint64_t invalid, dsq_invalid);
  KTAPE_ASSIGN(const uint64_t none, opss_none);
  KTAPE_ASSIGN(const uint64_t shift, opss_shift);
  KTAPE_ASSIGN(const uint64_t id, get(s, ddsp_dsq_id));
  KTAPE_ASSIGN(const uint64_t ops, get(s, ops_state));
  // Above the state there is a sequence number, which is meaningful only while the task is queued.
  // `& 63`: a shift from a stranger's BTF must not be undefined here.
  const uint64_t ops_now = ops & ((uint64_t{1} << (shift & 63)) - 1);
  const uint64_t wanted = (id == invalid ? kDsqIsInvalid : 0) | (ops_now == none ? kOpsAreNone : 0);
  return GateReading{wanted == (kDsqIsInvalid | kOpsAreNone), {id, ops_now, wanted}};
}

Result<GateReading> GateChecker::Impl::unlocked(const Subject& s) const {
  KTAPE_ASSIGN(const uint64_t word, get(s, pi_lock));
  KTAPE_ASSIGN(const uint64_t on, get(s, cpu));
  // task_cpu() of a task that was never placed may be any number; RunqueueLock refuses a CPU that
  // does not exist.
  KTAPE_ASSIGN(const uint64_t rq_word,
               runqueue_lock.word(s.memory, CpuId(static_cast<uint32_t>(on))));
  return GateReading{word == 0 && rq_word == 0, {word, rq_word, on}};
}

// The states are in their own enum, to be shifted, or among the flags, in place.
Result<EnabledState> GateChecker::Impl::find_enabled_state() const {
  KTAPE_ASSIGN(const uint64_t mask, scx_constant("scx_ent_flags", "SCX_TASK_STATE_MASK"));
  // Two ways to encode it: a state shifted within the flags, with an enum of its own, or enumerants
  // that are in place. Which one is asked of BTF, by name; the numbers differ between releases.
  const std::optional<uint64_t> own = kernel.btf().enumerator("scx_task_state", "SCX_TASK_ENABLED");
  if (own) {
    KTAPE_ASSIGN(const uint64_t shift, scx_constant("scx_ent_flags", "SCX_TASK_STATE_SHIFT"));
    return EnabledState{mask, shift & 63, *own, "scx_task_state"};
  }
  KTAPE_ASSIGN(const uint64_t in_place, scx_constant("scx_ent_flags", "SCX_TASK_ENABLED"));
  return EnabledState{mask, 0, in_place, "scx_ent_flags"};
}

Result<GateReading> GateChecker::Impl::enabled(const Subject& s) const {
  KTAPE_ASSIGN(const uint64_t found, get(s, flags));
  KTAPE_ASSIGN(const EnabledState wanted, enabled_state);
  const uint64_t now = (found & wanted.mask) >> wanted.shift;
  return GateReading{now == wanted.value, {now}};
}

// set_current_state() comes before the dequeue (kernel/sched/core.c, __schedule()).
bool GateChecker::Impl::goes_to_sleep(const Subject& s) const {
  const Result<uint64_t> found = get(s, state);
  return found.ok() && *found != kTaskRunning;
}

bool GateChecker::Impl::is_blind(schema::Gate gate) const {
  if (has_sched_ext) return false;
  return gate == schema::Gate::NOT_QUEUED || gate == schema::Gate::SCHED_CLASS ||
         gate == schema::Gate::POLICY || gate == schema::Gate::NO_DISPATCH ||
         gate == schema::Gate::ENABLED;
}

Result<GateReading> GateChecker::Impl::no_sched_ext(const Entry& entry, const Subject& subject,
                                                    bool write) const {
  if (entry.gate != schema::Gate::SCHED_CLASS || !write) {
    return Error{ErrorCode::kNotFound, std::string(kNoSchedExt), ""};
  }
  const Result<uint64_t> found = get(subject, sched_class);
  // A reading that failed, and not an error: "not evaluated" would be reported behind other gates,
  // and the class is the reason that matters.
  if (!found.ok()) return GateReading{};
  return GateReading{false, {*found, 1}};
}

GateResult GateChecker::Impl::gate_in_words(const Entry& entry, const Result<GateReading>& seen,
                                            const TaskRoot& asked, bool write) const {
  GateResult result{entry.gate, outcome_of(seen), write || enforced_for_reads(entry.gate), "", ""};
  if (!seen.ok()) {
    result.observed = seen.error().message;
    return result;
  }
  const GateWords words(kernel, enabled_state.ok() ? enabled_state->states : "");
  result.expected = GateWords::expected(entry.gate, asked);
  if (!is_blind(entry.gate)) {
    result.observed = words.observed(entry.gate, *seen);
    return result;
  }
  result.observed = kNoSchedExt;
  if (seen->saw[1] != 0)
    result.observed =
        "sched_class=" + class_name(kernel, GuestVirtual(seen->saw[0])) + ", " + result.observed;
  return result;
}

std::vector<GateResult> GateChecker::Impl::without_task(const TaskRoot& asked,
                                                        const std::string& why, bool searched,
                                                        bool write) const {
  std::vector<GateResult> gates;
  for (const Entry& entry : kTable) {
    const bool enforced_here = write || enforced_for_reads(entry.gate);
    // Every gate is on the tape, also those that had nothing to look at: a missing one would be
    // indistinguishable from a recorder that forgot it.
    gates.push_back(
        GateResult{entry.gate, schema::GateOutcome::NOT_EVALUATED, enforced_here, "no task", ""});
  }
  gates[0].observed = why;
  if (searched) {
    gates[0].outcome = schema::GateOutcome::FAILED;
    gates[0].expected = fmt::format("pid={}", asked.pid.value);
  }
  return gates;
}

namespace {

void describe_refusal(GateVerdict& verdict) {
  const std::vector<GateResult>& gates = verdict.gates;
  const auto stops = [&](schema::GateOutcome outcome) {
    return std::find_if(gates.begin(), gates.end(), [&](const GateResult& gate) {
      return gate.enforced && gate.outcome == outcome;
    });
  };
  // A failed gate is more informative than one that could not be evaluated.
  const auto failed = stops(schema::GateOutcome::FAILED);
  const auto blind = stops(schema::GateOutcome::NOT_EVALUATED);
  const auto refusing = failed != gates.end() ? failed : blind;
  if (refusing == gates.end()) return;
  verdict.refused_by = refusing->gate;
  verdict.refusal = refusal_text(*refusing);
}

}  // namespace

std::string refusal_text(const GateResult& gate) {
  const std::string which =
      fmt::format("gate {} ({})", static_cast<int>(gate.gate), gate_name(gate.gate));
  if (gate.outcome == schema::GateOutcome::FAILED)
    return fmt::format("{} refuses: observed {}, expected {}", which, gate.observed, gate.expected);
  return fmt::format("{} cannot be evaluated: {}", which, gate.observed);
}

GateChecker::GateChecker(const Kernel& kernel, LayoutLog& log)
    : impl_(std::make_unique<Impl>(kernel, log)) {}
GateChecker::~GateChecker() = default;

GateReadings GateChecker::evaluate(const GuestMemory& memory, const TaskRoot& asked,
                                   bool write) const {
  GateReadings readings;
  const Result<std::optional<GuestVirtual>> found =
      impl_->finder.ok() ? impl_->finder->find(memory, asked.pid) : impl_->finder.error();
  // Two different answers: no task has the pid, or it could not be found out.
  if (!found.ok()) readings.search_error = found.error();
  if (!found.ok() || !*found) return readings;
  const Subject subject{memory, asked, **found};
  readings.task = subject.task;
  readings.admitted = true;
  readings.may_pass = true;
  const bool goes_to_sleep = impl_->goes_to_sleep(subject);
  readings.gates.reserve(kGates);
  // All twelve, also after a failure: the tape is to show what the task was like, not only what
  // refused it first.
  for (const Impl::Entry& entry : Impl::kTable) {
    const Result<GateReading>& seen = readings.gates.emplace_back(
        impl_->is_blind(entry.gate) ? impl_->no_sched_ext(entry, subject, write)
                                    : (impl_.get()->*entry.evaluate)(subject));
    if ((seen.ok() && seen->passed) || !(write || enforced_for_reads(entry.gate))) continue;
    readings.admitted = false;
    // One gate that fails for good is enough: waiting would not help.
    readings.may_pass =
        readings.may_pass && seen.ok() && fails_by_the_instant(entry.gate, goes_to_sleep);
  }
  readings.may_pass = readings.may_pass && !readings.admitted;
  // For the reply and for lock_users(): where the task ran last, and which DSQ holds it.
  const Result<uint64_t> cpu = impl_->get(subject, impl_->cpu);
  if (cpu.ok()) readings.cpu = static_cast<int32_t>(*cpu);
  const Result<uint64_t> dsq = impl_->get(subject, impl_->dsq);
  if (dsq.ok()) readings.dsq = GuestVirtual(*dsq);
  const Result<uint64_t> delayed = impl_->get(subject, impl_->sched_delayed);
  readings.sched_delayed = delayed.ok() && *delayed != 0;
  return readings;
}

GateVerdict GateChecker::describe(const GateReadings& readings, const TaskRoot& asked,
                                  bool write) const {
  GateVerdict verdict;
  if (readings.task) {
    for (size_t i = 0; i < kGates; ++i) {
      verdict.gates.push_back(
          impl_->gate_in_words(Impl::kTable[i], readings.gates[i], asked, write));
    }
  } else {
    const std::string why = readings.search_error
                                ? readings.search_error->message
                                : fmt::format("no task has pid {}", asked.pid.value);
    verdict.gates = impl_->without_task(asked, why, !readings.search_error, write);
  }
  if (readings.sched_delayed) {
    verdict.note = "sched_delayed is set: the task sleeps, but its dequeue is still to come";
  }
  describe_refusal(verdict);
  return verdict;
}

}  // namespace ktape
