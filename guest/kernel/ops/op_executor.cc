// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/op_executor.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "guest/kernel/ops/gates.h"
#include "guest/kernel/ops/lap_timer.h"
#include "guest/kernel/ops/op_preparer.h"
#include "guest/kernel/ops/op_result.h"
#include "guest/kernel/ops/op_width.h"
#include "guest/kernel/ops/protection.h"
#include "guest/kernel/ops/reply_room.h"
#include "guest/kernel/ops/target_plan.h"
#include "guest/kernel/ops/write_admission.h"
#include "guest/kernel/types/sizes.h"
#include "guest/memory/translation_cache.h"
#include "schema/terms/entry_note.h"
#include "schema/terms/protection.h"

namespace ktape {

namespace {

// A check refused the op: nothing was touched. Always returns false, for callers that pass it on.
bool refuse(ServedOp& served, std::string reason) {
  served.status = schema::EntryStatus::REFUSED;
  served.more().reason = std::move(reason);
  return false;
}

// The op was tried, but memory could not be accessed. Always returns false.
bool fail(ServedOp& served, const Error& error) {
  served.status = schema::EntryStatus::FAILED;
  served.more().reason = reply_sentence(error);
  return false;
}

// Whether a task's member describes where it is queued: "p->scx.dsq_* can't change" under the DSQ's
// lock (kernel/sched/ext.c, dispatch_dequeue()).
bool is_place_in_queue(const std::vector<PathStep>& path) {
  const auto* first = path.empty() ? nullptr : std::get_if<MemberStep>(&path[0]);
  if (first == nullptr || first->name != "scx") return path.empty();
  const auto* second = path.size() < 2 ? nullptr : std::get_if<MemberStep>(&path[1]);
  return second == nullptr || second->name.starts_with("dsq") || second->name == "holding_cpu";
}

}  // namespace

struct OpExecutor::Impl {
  Impl(const Kernel& adopted, Lists walks)
      : kernel(adopted),
        lists(walks),
        log(adopted.btf()),
        gate_log(adopted.btf()),
        gates(adopted, gate_log),
        protection_log(adopted.btf()),
        protection(adopted, protection_log),
        preparer(adopted, log, gate_log, walks) {}

  // The address and width of an op's value.
  struct Reached {
    GuestVirtual place;  // the only place, or that of a list's first entry
    bool is_list = false;
    OpWidth width;
    GuestVirtual own_queue;  // the DSQ, if the value describes the task's place in it; 0: no
    std::unique_ptr<TargetPlan::Places> found;  // for a path without a fixed offset
  };

  const Kernel& kernel;
  const Lists lists;
  LayoutLog log;
  // Resolved at once, not in the first freeze that needs it; passed to `log` when used.
  LayoutLog gate_log;
  GateChecker gates;
  LayoutLog protection_log;
  Protection protection;
  OpPreparer preparer;
  // The rest of the budget of the request being served.
  PathBudget paths;
  ReplyRoom room;
  LocalQueues locals;  // looked up once for a request

  // A hostile guest may send 1024 entries with long paths: what one request costs is bounded as a
  // whole, not only for each entry.
  void begin_request() {
    paths = PathBudget();
    room = ReplyRoom();
    locals.reset();
  }

  bool take_room(uint64_t values, uint64_t width, ServedOp& served);
  Result<GuestVirtual> instance(const GuestMemory& memory, const PreparedOp& prepared, CpuId cpu);
  bool admit(const GuestMemory& memory, const PreparedOp& prepared, bool write, ServedOp& served);
  void observe_queues(const GuestMemory& memory, const Reached& to, ServedOp& served);
  bool reach(const GuestMemory& memory, const PreparedOp& prepared, bool write, ServedOp& served,
             Reached& to);
  bool follow(const GuestMemory& memory, const TargetPlan& plan, GuestVirtual root,
              ServedOp& served, Reached& to);
  Result<OpValue> fetch(const GuestMemory& memory, GuestVirtual place, const OpWidth& width) const;
  Result<void> fetch_value(const GuestMemory& memory, const Reached& to, ServedOp& served) const;
  bool fetch_list(const GuestMemory& memory, const Reached& to, ServedOp& served);

  ToProtect what_to_protect(const PreparedOp& prepared, const Reached& to,
                            const ServedOp& served) const;
  bool is_consistent(const GuestMemory& memory, const PreparedOp& prepared,
                     const StopMoment& moment, const Reached& to, ServedOp& served);
  bool read_one(const GuestMemory& memory, const PreparedOp& prepared, const StopMoment& moment,
                ServedOp& served);
  bool write_one(WritableGuestMemory& memory, const PreparedOp& prepared, ServedOp& served);
  Result<void> store(WritableGuestMemory& memory, const Reached& to, const WriteAction& action,
                     ServedOp& served) const;
  bool hot_one(const GuestMemory& memory, const PreparedOp& prepared, ServedOp& served);
  OpResult describe(const PreparedOp& prepared, ServedOp served, const StopMoment& moment,
                    double ns_per_tick) const {
    return describe_op({kernel, gates, moment, ns_per_tick}, prepared, std::move(served));
  }
};

// The address of the variable whose template is in `prepared`.
Result<GuestVirtual> OpExecutor::Impl::instance(const GuestMemory& memory,
                                                const PreparedOp& prepared, CpuId cpu) {
  auto& instances = prepared.names->per_cpu;
  // Offsets of per-CPU areas do not change after boot, so an instance stays where it is.
  const auto known = instances.find(cpu.value);
  if (known != instances.end()) return known->second;
  KTAPE_ASSIGN(const GuestVirtual found, kernel.per_cpu_pointer(memory, prepared.root.value, cpu));
  instances.emplace(cpu.value, found);
  return found;
}

// Evaluates the gates of a task target, unless that was done before (by admit_writes()). False:
// they refuse it.
bool OpExecutor::Impl::admit(const GuestMemory& memory, const PreparedOp& prepared, bool write,
                             ServedOp& served) {
  if (!served.more().gates) observe_task(gates, memory, prepared, write, served);
  const GateReadings& readings = *served.rest->gates;
  served.protecting_cpu = readings.cpu;
  if (!readings.admitted) served.status = schema::EntryStatus::REFUSED;
  return readings.admitted;
}

// False: the result says why not.
bool OpExecutor::Impl::reach(const GuestMemory& memory, const PreparedOp& prepared, bool write,
                             ServedOp& served, Reached& to) {
  const OpTarget& target = prepared.op->target;
  const bool is_task = std::holds_alternative<TaskRoot>(target.root);
  // The gates come first: without an admitted task there is no root to start from, and every reply
  // about a task is to show what they saw.
  if (is_task && !admit(memory, prepared, write, served)) return false;
  if (!prepared.refusal.empty()) return refuse(served, prepared.refusal);
  GuestVirtual root = prepared.root;
  if (is_task) {
    root = *served.rest->gates->task;
    if (is_place_in_queue(target.path)) to.own_queue = served.rest->gates->dsq;
  } else if (const auto* variable = std::get_if<PerCpuRoot>(&target.root)) {
    const Result<GuestVirtual> address = instance(memory, prepared, variable->cpu);
    if (!address.ok()) return refuse(served, reply_sentence(address.error()));
    root = *address;
    // The fields of a runqueue are protected by its lock, which belongs to this CPU; other per-CPU
    // variables have no such rule.
    if (prepared.is_runqueue) served.protecting_cpu = static_cast<int32_t>(variable->cpu.value);
  }
  const TargetPlan& plan = *prepared.names->plan;
  to.width = prepared.width;
  if (plan.fixed_offset()) {
    to.place = root + *plan.fixed_offset();
  } else if (!follow(memory, plan, root, served, to)) {
    return false;
  }
  served.virtual_address = to.place;
  served.reached = true;
  return true;
}

bool OpExecutor::Impl::follow(const GuestMemory& memory, const TargetPlan& plan, GuestVirtual root,
                              ServedOp& served, Reached& to) {
  // A pointer leads to another object, which has its own lock.
  if (plan.follows_pointers()) served.protecting_cpu = -1;
  Result<TargetPlan::Places> found = plan.run(kernel, memory, root, lists, paths);
  if (!found.ok()) return fail(served, found.error());
  to.is_list = plan.walks_list();
  if (!found->values.empty()) to.place = found->values[0];
  to.found = std::make_unique<TargetPlan::Places>(std::move(found).value());
  return true;
}

// Records which lock protects what was reached in a DSQ, and whether a DSQ's own lock was held.
void OpExecutor::Impl::observe_queues(const GuestMemory& memory, const Reached& to,
                                      ServedOp& served) {
  // Most ops reach no DSQ; this keeps their cost in the freeze to a comparison.
  if (!to.found && to.own_queue == GuestVirtual()) return;
  std::set<GuestVirtual> queues;
  if (to.found) queues.insert(to.found->queues.begin(), to.found->queues.end());
  const bool through_queue = !queues.empty();
  if (to.own_queue != GuestVirtual()) queues.insert(to.own_queue);
  if (queues.empty()) return;
  log.take_over(protection_log);
  const DsqLock& dsq_lock = protection.dsq_lock();
  size_t free = 0;
  for (const GuestVirtual queue : queues) {
    const std::optional<CpuId> cpu = dsq_lock.local_to(memory, queue, locals);
    if (cpu) {
      // A local DSQ has no state of its own to report: its lock is the runqueue's, which is in the
      // evidence. With several queues no single CPU protects the value.
      if (queues.size() == 1) served.protecting_cpu = static_cast<int32_t>(cpu->value);
      continue;
    }
    const Result<uint64_t> word = dsq_lock.word(memory, queue);
    // One held lock is enough for the warning.
    if (word.ok() && *word != 0) return append_note(served.more().note, kDsqLockHeld);
    if (word.ok()) ++free;
  }
  if (through_queue && free == queues.size()) append_note(served.more().note, kDsqLockFree);
}

// False: the values no longer fit into the reply, and the result says so.
bool OpExecutor::Impl::take_room(uint64_t values, uint64_t width, ServedOp& served) {
  if (lists == Lists::kAsFarAsTheyGo) return true;  // and its lists are bounded
  const Result<void> taken = room.take(values, width);
  return taken.ok() || fail(served, taken.error());
}

Result<OpValue> OpExecutor::Impl::fetch(const GuestMemory& memory, GuestVirtual place,
                                        const OpWidth& width) const {
  OpValue value{width.kind, std::vector<std::byte>(width.bytes)};
  KTAPE_TRY(kernel.read(memory, place, value.bytes));
  return value;
}

Result<void> OpExecutor::Impl::fetch_value(const GuestMemory& memory, const Reached& to,
                                           ServedOp& served) const {
  KTAPE_ASSIGN(const GuestPhysical physical, kernel.translate(memory, to.place));
  if (to.width.bytes > kWordBytes) {
    // Larger values need an allocation; words do not, and most values are words.
    KTAPE_ASSIGN(served.more().value, fetch(memory, to.place, to.width));
  } else {
    const auto word = std::as_writable_bytes(std::span(&served.word, 1)).first(to.width.bytes);
    // A word in one page was translated just now: reading it by its physical address saves a second
    // walk.
    const bool in_one_page = to.place.value % kSmallPageBytes + word.size() <= kSmallPageBytes;
    KTAPE_TRY(in_one_page ? memory.read(physical, word) : kernel.read(memory, to.place, word));
  }
  served.physical_address = physical;
  return {};
}

// False: the result says why not.
bool OpExecutor::Impl::fetch_list(const GuestMemory& memory, const Reached& to, ServedOp& served) {
  TargetPlan::Places& found = *to.found;
  // A capture refuses a list that is too long; a reader of tapes shows the beginning.
  if (auto cut = cut_list(lists, to.width.bytes, found); !cut.ok())
    return fail(served, cut.error());
  const std::vector<GuestVirtual>& entries = found.values;
  if (!take_room(entries.size(), to.width.bytes, served)) return false;
  std::vector<OpValue> values;
  GuestVirtual first = to.place;
  for (size_t i = 0; i < entries.size(); ++i) {
    Result<OpValue> value = fetch(memory, entries[i], to.width);
    if (!value.ok() && (lists == Lists::kWhole || entries.size() == 1))
      return fail(served, value.error());
    if (!value.ok()) {
      found.leave_out(value.error());
      continue;
    }
    if (values.empty()) first = entries[i];
    values.push_back(std::move(*value));
    if (!found.numbers.empty()) served.more().numbers.push_back(std::move(found.numbers[i]));
  }
  served.more().list = std::move(values);
  if (found.broke_off) served.more().broke_off = reply_sentence(*found.broke_off);
  if (entries.empty()) return true;
  // Of the first value that was kept: the others may be in other pages.
  served.virtual_address = first;
  const Result<GuestPhysical> physical = kernel.translate(memory, first);
  if (physical.ok()) served.physical_address = *physical;
  if (!physical.ok() && served.more().list.empty()) return fail(served, physical.error());
  return true;
}

// The target of a pointer has its own locks. They are known for DSQs only.
ToProtect OpExecutor::Impl::what_to_protect(const PreparedOp& prepared, const Reached& to,
                                            const ServedOp& served) const {
  ToProtect value;
  if (to.found) value.queues = to.found->queues;
  if (prepared.names->plan->follows_pointers()) return value;
  const OpTarget& target = prepared.op->target;
  if (std::holds_alternative<TaskRoot>(target.root)) {
    value.task = &*served.rest->gates;
    if (to.own_queue != GuestVirtual()) value.queues.push_back(to.own_queue);
  } else if (const auto* variable = std::get_if<PerCpuRoot>(&target.root)) {
    (is_changed_by_its_cpu_alone(variable->symbol) ? value.own_cpu : value.runqueue) =
        variable->cpu;
  } else if (const auto* symbol = std::get_if<SymbolRoot>(&target.root)) {
    value.symbol = symbol->name;
  }
  return value;
}

// For a consistent read. False: what protects the value is not free, or unknown.
bool OpExecutor::Impl::is_consistent(const GuestMemory& memory, const PreparedOp& prepared,
                                     const StopMoment& moment, const Reached& to,
                                     ServedOp& served) {
  log.take_over(protection_log);
  const ProtectionReading& reading = served.more().protection.emplace(
      protection.evaluate(memory, what_to_protect(prepared, to, served), moment));
  // Not a failure: the read is refused, and a later try may find the lock free.
  if (!all_free(reading)) served.status = schema::EntryStatus::REFUSED;
  return all_free(reading);
}

bool OpExecutor::Impl::read_one(const GuestMemory& memory, const PreparedOp& prepared,
                                const StopMoment& moment, ServedOp& served) {
  Reached to;
  if (!reach(memory, prepared, false, served, to)) return false;
  observe_queues(memory, to, served);
  if (prepared.op->consistent && !is_consistent(memory, prepared, moment, to, served)) return false;
  if (to.is_list) {
    if (!fetch_list(memory, to, served)) return false;
  } else {
    if (!take_room(1, to.width.bytes, served)) return false;
    // Last, after everything that may refuse it.
    const Result<void> fetched = fetch_value(memory, to, served);
    if (!fetched.ok()) return fail(served, fetched.error());
  }
  served.status = schema::EntryStatus::DONE;
  return true;
}

Result<void> OpExecutor::Impl::store(WritableGuestMemory& memory, const Reached& to,
                                     const WriteAction& action, ServedOp& served) const {
  KTAPE_ASSIGN(served.physical_address, kernel.translate(memory, to.place));
  // Reading first also proves that the whole range can be written.
  KTAPE_ASSIGN(const OpValue before, fetch(memory, to.place, to.width));
  served.more().before = before;
  std::vector<std::byte> bytes = action.value.bytes;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const std::byte old = before.bytes[i];
    if (action.kind == WriteKind::kSetBits) bytes[i] |= old;
    if (action.kind == WriteKind::kClearBits) bytes[i] = old & ~bytes[i];
  }
  // After its translation and `before`, this is the first touch of guest memory.
  KTAPE_TRY(kernel.write(memory, to.place, bytes));
  // Read back from memory, so that the reply proves what is there now, not what was meant.
  return fetch_value(memory, to, served);
}

bool OpExecutor::Impl::write_one(WritableGuestMemory& memory, const PreparedOp& prepared,
                                 ServedOp& served) {
  Reached to;
  if (!reach(memory, prepared, true, served, to)) return false;
  observe_queues(memory, to, served);
  // The values before and after. Counted before anything is written: a write whose reply does not
  // fit must not happen.
  if (!take_room(2, to.width.bytes, served)) return false;
  const Result<void> stored = store(memory, to, std::get<WriteAction>(prepared.op->action), served);
  if (!stored.ok()) return fail(served, stored.error());
  served.status = schema::EntryStatus::DONE;
  return true;
}

bool OpExecutor::Impl::hot_one(const GuestMemory& memory, const PreparedOp& prepared,
                               ServedOp& served) {
  // Before `reach`: a task's gates can only be evaluated in a freeze.
  if (!prepared.refusal.empty()) return refuse(served, prepared.refusal);
  Reached to;
  if (!reach(memory, prepared, false, served, to)) return false;
  const uint32_t bytes = to.width.bytes;
  if (to.place.value % bytes != 0) {
    const std::string message = fmt::format(
        "a hot read takes an aligned value, not {} bytes at {:#x}", bytes, to.place.value);
    return refuse(served, reply_sentence({ErrorCode::kRefused, message,
                                          "make it cold: it is then served in a freeze"}));
  }
  const Result<GuestPhysical> physical = kernel.translate(memory, to.place);
  if (!physical.ok()) return fail(served, physical.error());
  served.physical_address = *physical;
  // In one load, so that the running guest cannot tear it. Aligned and at most 8 bytes: FlatMemory
  // reads it in one load.
  const auto word = std::as_writable_bytes(std::span(&served.word, 1));
  const Result<void> read = memory.read(*physical, word.first(bytes));
  if (!read.ok()) return fail(served, read.error());
  served.status = schema::EntryStatus::DONE;
  return true;
}

OpExecutor::OpExecutor(const Kernel& kernel, Lists lists)
    : impl_(std::make_unique<Impl>(kernel, lists)) {}
OpExecutor::~OpExecutor() = default;

std::vector<PreparedOp> OpExecutor::prepare(const std::vector<Op>& ops) {
  std::vector<PreparedOp> prepared;
  prepared.reserve(ops.size());
  for (const Op& op : ops) prepared.push_back(impl_->preparer.prepare(op, schema::OpMode::COLD));
  return prepared;
}

ServedOps OpExecutor::serve_reads(const GuestMemory& memory,
                                  const std::vector<PreparedOp>& prepared,
                                  const StopMoment& moment) {
  impl_->begin_request();
  // Only here: reads do not change page tables, and the machine stands still until they are done.
  // Writes walk each time.
  const TranslationCache still(memory);
  ServedOps served{std::vector<ServedOp>(prepared.size())};
  LapTimer timer;
  for (size_t i = 0; i < served.ops.size(); ++i) {
    ServedOp& op = served.ops[i];
    impl_->read_one(still, prepared[i], moment, op);
    op.ticks = timer.lap();
    const bool is_disturbed =
        op.status == schema::EntryStatus::REFUSED && op.rest && op.rest->protection;
    // One disturbed entry makes a retry of the whole batch worthwhile, since a batch is to be one
    // coherent picture.
    if (is_disturbed && may_become_free(*op.rest->protection)) served.may_pass = true;
  }
  served.ns_per_tick = timer.ns_per_tick();
  return served;
}

ServedOps OpExecutor::serve_writes(WritableGuestMemory& memory,
                                   const std::vector<PreparedOp>& prepared) {
  impl_->begin_request();
  ServedOps served{std::vector<ServedOp>(prepared.size())};
  LapTimer timer;
  const bool admitted = admit_writes(impl_->gates, memory, prepared, served, timer);
  bool stopped = false;
  for (size_t i = 0; admitted && i < served.ops.size(); ++i) {
    if (stopped) {
      // The rest of a batch is not written: it was asked for as a unit, and its order may matter.
      served.ops[i].more().reason = kStoppedBefore;
      continue;
    }
    stopped = !impl_->write_one(memory, prepared[i], served.ops[i]);
    served.ops[i].ticks += timer.lap();
  }
  served.ns_per_tick = timer.ns_per_tick();
  return served;
}

std::vector<OpResult> OpExecutor::describe(const std::vector<PreparedOp>& prepared,
                                           ServedOps served, const StopMoment& moment) const {
  std::vector<OpResult> results;
  results.reserve(served.ops.size());
  for (size_t i = 0; i < served.ops.size(); ++i) {
    results.push_back(
        impl_->describe(prepared[i], std::move(served.ops[i]), moment, served.ns_per_tick));
  }
  return results;
}

std::vector<OpResult> OpExecutor::read(const GuestMemory& memory, const std::vector<Op>& ops,
                                       const StopMoment& moment) {
  const std::vector<PreparedOp> prepared = prepare(ops);
  return describe(prepared, serve_reads(memory, prepared, moment), moment);
}

std::vector<OpResult> OpExecutor::write(WritableGuestMemory& memory, const std::vector<Op>& ops,
                                        const StopMoment& moment) {
  const std::vector<PreparedOp> prepared = prepare(ops);
  return describe(prepared, serve_writes(memory, prepared), moment);
}

OpResult OpExecutor::read_hot(const GuestMemory& memory, const Op& op) {
  impl_->begin_request();
  PreparedOp prepared = impl_->preparer.prepare(op, schema::OpMode::HOT);
  // A hot read that is refused reached nothing, so it reports no type.
  if (!prepared.refusal.empty()) prepared.type.clear();
  ServedOp served;
  LapTimer timer;
  impl_->hot_one(memory, prepared, served);
  served.ticks = timer.lap();
  return impl_->describe(prepared, std::move(served), {}, timer.ns_per_tick());
}

std::vector<UsedLayout> OpExecutor::take_used_layouts() { return impl_->log.take(); }

}  // namespace ktape
