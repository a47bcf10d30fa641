// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/op_executor.h"

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "guest/kernel/dsq_lock.h"
#include "guest/kernel/gates.h"
#include "guest/kernel/op_plan.h"
#include "guest/kernel/op_width.h"
#include "guest/kernel/target_plan.h"
#include "schema/base/entry_note.h"

namespace ktape {

namespace {

constexpr std::string_view kRunqueues = "runqueues";
// A list's values go into one reply; this leaves room for others beside it.
constexpr uint64_t kMaxListBytes = uint64_t{256} << 10;
// The values of a request go into one reply, and that into one message of the agent's channel (wire/frame.h).
constexpr uint64_t kMaxReplyBytes = uint64_t{768} << 10;
// That a value takes in a reply beside its bytes (struct Value).
constexpr uint64_t kValueBytes = 32;
// A reason may quote what a hostile guest sent.
constexpr size_t kMaxReasonBytes = 1024;
// Names are looked up once. A guest that asks for ever new ones costs no more memory than this many, and no
// more time than so many searches for the nearest name.
constexpr size_t kMaxResolved = 16384;
constexpr size_t kMaxUnresolved = 1000;

// The reason that a reply carries: it has no place of its own for the remedy.
std::string sentence(const Error& error) {
  const std::string text = error.hint.empty() ? error.message : error.message + ": " + error.hint;
  return text.substr(0, kMaxReasonBytes);
}

// A check said no: nothing was touched. Always false, for callers that pass it on.
bool refuse(OpResult& result, const Error& error) {
  result.status = schema::EntryStatus::REFUSED;
  result.reason = sentence(error);
  return false;
}

// It was tried, and memory did not allow it. Always false.
bool fail(OpResult& result, const Error& error) {
  result.status = schema::EntryStatus::FAILED;
  result.reason = sentence(error);
  return false;
}

// Whether a task's member says where it is queued: "p->scx.dsq_* can't change" under the DSQ's lock
// (kernel/sched/ext.c, dispatch_dequeue()).
bool tells_place_in_queue(const std::vector<PathStep>& path) {
  const auto* first = path.empty() ? nullptr : std::get_if<MemberStep>(&path[0]);
  if (first == nullptr || first->name != "scx") return path.empty();
  const auto* second = path.size() < 2 ? nullptr : std::get_if<MemberStep>(&path[1]);
  return second == nullptr || second->name.starts_with("dsq") || second->name == "holding_cpu";
}

void add_note(OpResult& result, std::string_view note) {
  if (!result.note.empty()) result.note += "; ";
  result.note += note;
}

// Runs `serve` and tells how long that took.
template <typename Serve>
OpResult timed(Serve serve) {
  const auto began = std::chrono::steady_clock::now();
  OpResult result;
  serve(result);
  const auto passed = std::chrono::steady_clock::now() - began;
  result.elapsed_ns =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(passed).count());
  return result;
}

}  // namespace

struct OpExecutor::Impl {
  Impl(const Kernel& adopted, Lists walks)
      : kernel(adopted),
        lists(walks),
        log(adopted.btf()),
        gate_log(adopted.btf()),
        gates(adopted, gate_log),
        dsq_log(adopted.btf()),
        dsq_lock(adopted, dsq_log) {}

  // What names alone tell about a target; the same for every CPU and task.
  struct Resolved {
    Result<TargetPlan> plan;
    std::map<uint32_t, GuestVirtual> per_cpu;  // instances found so far
  };

  // Where an op's value stands, and how wide it is.
  struct Reached {
    std::vector<GuestVirtual> places;  // one, or one for each entry of a list
    std::optional<Error> broke_off;    // why these are not all entries
    bool is_list = false;
    OpWidth width;
    std::vector<GuestVirtual> queues;  // dispatch queues on the way
    GuestVirtual own_queue;            // that a value says something of its task's place in; 0: none
  };

  const Kernel& kernel;
  const Lists lists;
  LayoutLog log;
  // Resolved at once, not in the first freeze that needs it; told to `log` when it is used.
  LayoutLog gate_log;
  GateChecker gates;
  LayoutLog dsq_log;
  DsqLock dsq_lock;
  std::unordered_map<std::string, Resolved> resolved;
  size_t unresolved = 0;
  // What is left to the request that is being served.
  PathBudget paths;
  uint64_t reply_bytes = 0;

  void begin_request() {
    paths = PathBudget();
    reply_bytes = kMaxReplyBytes;
  }
  bool take_reply_bytes(uint64_t values, uint64_t width, OpResult& result);
  Resolved& resolve(const OpTarget& target);
  Result<GuestVirtual> root_address(const GuestMemory& memory, const OpTarget& target, Resolved& names);
  bool admit(const GuestMemory& memory, const Op& op, bool write, OpResult& result, GateVerdict& verdict);
  void look_at_queues(const GuestMemory& memory, const Reached& to, OpResult& result);
  bool reach(const GuestMemory& memory, const Op& op, bool write, OpResult& result, Reached& to);
  Result<OpValue> fetch(const GuestMemory& memory, GuestVirtual place, const OpWidth& width) const;

  bool read_one(const GuestMemory& memory, const Op& op, OpResult& result);
  bool write_one(WritableGuestMemory& memory, const Op& op, OpResult& result);
  Result<void> store(WritableGuestMemory& memory, GuestVirtual place, const WriteAction& action,
                     const OpWidth& width, OpResult& result) const;
  bool hot_one(const GuestMemory& memory, const Op& op, OpResult& result);
};

OpExecutor::Impl::Resolved& OpExecutor::Impl::resolve(const OpTarget& target) {
  std::string key =
      fmt::format("{} {}\n{}", target.root.index(), root_name(target), target_path_text(target.path));
  const auto cached = resolved.find(key);
  if (cached != resolved.end()) return cached->second;
  if (resolved.size() >= kMaxResolved) resolved.clear();
  Result<TargetPlan> plan =
      unresolved < kMaxUnresolved
          ? plan_target(kernel.knowledge(), target, log)
          : Error{ErrorCode::kRefused,
                  "too many targets of this run are not in its kernel: no more are looked up", ""};
  if (!plan.ok()) ++unresolved;
  return resolved.emplace(std::move(key), Resolved{std::move(plan), {}}).first->second;
}

Result<GuestVirtual> OpExecutor::Impl::root_address(const GuestMemory& memory, const OpTarget& target,
                                                    Resolved& names) {
  if (const auto* symbol = std::get_if<SymbolRoot>(&target.root)) return kernel.symbol(symbol->name);
  if (const auto* variable = std::get_if<PerCpuRoot>(&target.root)) {
    const auto known = names.per_cpu.find(variable->cpu.value);
    if (known != names.per_cpu.end()) return known->second;
    KTAPE_ASSIGN(const GuestVirtual found, kernel.per_cpu(memory, variable->symbol, variable->cpu));
    names.per_cpu.emplace(variable->cpu.value, found);
    return found;
  }
  return std::get<VirtualRoot>(target.root).address;
}

// Runs the gates of a task target. False: the result says why not.
bool OpExecutor::Impl::admit(const GuestMemory& memory, const Op& op, bool write, OpResult& result,
                             GateVerdict& verdict) {
  log.take_over(gate_log);
  verdict = gates.check(memory, std::get<TaskRoot>(op.target.root), write);
  result.gates = std::move(verdict.gates);
  result.note = std::move(verdict.note);
  result.protecting_cpu = verdict.cpu;
  if (verdict.refusal.empty()) return true;
  result.status = schema::EntryStatus::REFUSED;
  result.reason = std::move(verdict.refusal);
  return false;
}

// False: the result says why not.
bool OpExecutor::Impl::reach(const GuestMemory& memory, const Op& op, bool write, OpResult& result,
                             Reached& to) {
  GateVerdict verdict;
  const bool is_task = std::holds_alternative<TaskRoot>(op.target.root);
  const bool admitted = !is_task || admit(memory, op, write, result, verdict);
  GuestVirtual root = verdict.task.value_or(GuestVirtual());
  Resolved& names = resolve(op.target);
  if (names.plan.ok() && names.plan->type()) result.type = names.plan->type()->name;
  if (!admitted) return false;
  if (!names.plan.ok()) return refuse(result, names.plan.error());
  const TargetPlan& plan = *names.plan;
  const Result<OpWidth> fits = fit_op(plan, op, schema::OpMode::COLD);
  if (!fits.ok()) return refuse(result, fits.error());
  to.width = *fits;
  to.is_list = plan.walks_list();
  if (!is_task) {
    const Result<GuestVirtual> address = root_address(memory, op.target, names);
    if (!address.ok()) return refuse(result, address.error());
    root = *address;
  }
  const auto* variable = std::get_if<PerCpuRoot>(&op.target.root);
  if (variable && variable->symbol == kRunqueues)
    result.protecting_cpu = static_cast<int32_t>(variable->cpu.value);
  // What a pointer leads to is another object, with a lock of its own.
  if (plan.follows_pointers()) result.protecting_cpu = -1;
  Result<TargetPlan::Places> found = plan.run(kernel, memory, root, lists, paths);
  if (!found.ok()) return fail(result, found.error());
  to.places = std::move(found->values);
  to.broke_off = std::move(found->broke_off);
  to.queues = std::move(found->queues);
  if (is_task && tells_place_in_queue(op.target.path)) to.own_queue = verdict.dsq;
  if (!to.places.empty()) result.virtual_address = to.places[0];
  result.width_bytes = to.width.bytes;
  result.width_checked = to.width.checked;
  return true;
}

// Says which lock protects what was reached in a dispatch queue, and whether a queue's own was held.
void OpExecutor::Impl::look_at_queues(const GuestMemory& memory, const Reached& to, OpResult& result) {
  std::set<GuestVirtual> queues(to.queues.begin(), to.queues.end());
  const bool through_queue = !queues.empty();
  if (to.own_queue != GuestVirtual()) queues.insert(to.own_queue);
  if (queues.empty()) return;
  log.take_over(dsq_log);
  size_t free = 0;
  for (const GuestVirtual queue : queues) {
    const std::optional<CpuId> cpu = dsq_lock.local_to(memory, queue);
    if (cpu) {
      if (queues.size() == 1) result.protecting_cpu = static_cast<int32_t>(cpu->value);
      continue;
    }
    const Result<bool> held = dsq_lock.held(memory, queue);
    if (held.ok() && *held) return add_note(result, kDsqLockHeld);
    if (held.ok()) ++free;
  }
  if (through_queue && free == queues.size()) add_note(result, kDsqLockFree);
}

// False: the values do not fit into the reply any more, and the result says so.
bool OpExecutor::Impl::take_reply_bytes(uint64_t values, uint64_t width, OpResult& result) {
  const uint64_t bytes = values * (kValueBytes + width);
  if (bytes > reply_bytes) {
    const std::string message =
        fmt::format("the values of this request take more than {} bytes in its reply", kMaxReplyBytes);
    return fail(result, Error{ErrorCode::kOutOfRange, message, ""});
  }
  reply_bytes -= bytes;
  return true;
}

Result<OpValue> OpExecutor::Impl::fetch(const GuestMemory& memory, GuestVirtual place,
                                        const OpWidth& width) const {
  OpValue value{width.kind, std::vector<std::byte>(width.bytes)};
  KTAPE_TRY(kernel.read(memory, place, value.bytes));
  return value;
}

bool OpExecutor::Impl::read_one(const GuestMemory& memory, const Op& op, OpResult& result) {
  Reached to;
  if (!reach(memory, op, false, result, to)) return false;
  look_at_queues(memory, to, result);
  if (to.is_list && to.places.size() * to.width.bytes > kMaxListBytes) {
    const std::string message = fmt::format("the list's values take {} bytes, and {} is the most",
                                            to.places.size() * to.width.bytes, kMaxListBytes);
    const Error error{ErrorCode::kOutOfRange, message, ""};
    if (lists == Lists::kWhole) return fail(result, error);
    to.places.resize(kMaxListBytes / to.width.bytes);
    to.broke_off = error;
  }
  if (!take_reply_bytes(to.places.size(), to.width.bytes, result)) return false;
  std::vector<OpValue> values;
  for (const GuestVirtual place : to.places) {
    Result<OpValue> value = fetch(memory, place, to.width);
    if (!value.ok() && (lists == Lists::kWhole || values.empty())) return fail(result, value.error());
    if (!value.ok()) {
      to.broke_off = value.error();
      break;
    }
    values.push_back(std::move(*value));
  }
  if (!to.places.empty()) {
    const Result<GuestPhysical> physical = kernel.translate(memory, to.places[0]);
    if (!physical.ok()) return fail(result, physical.error());
    result.physical_address = *physical;
  }
  result.is_list = to.is_list;
  if (to.broke_off) result.broke_off = sentence(*to.broke_off);
  if (to.is_list) {
    result.list = std::move(values);
  } else {
    result.value = std::move(values[0]);
  }
  result.status = schema::EntryStatus::DONE;
  return true;
}

Result<void> OpExecutor::Impl::store(WritableGuestMemory& memory, GuestVirtual place,
                                     const WriteAction& action, const OpWidth& width,
                                     OpResult& result) const {
  KTAPE_ASSIGN(result.physical_address, kernel.translate(memory, place));
  // Reading first also proves that the whole range can be written.
  KTAPE_ASSIGN(result.before, fetch(memory, place, width));
  std::vector<std::byte> bytes = action.value.bytes;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const std::byte old = result.before->bytes[i];
    if (action.kind == WriteKind::kSetBits) bytes[i] |= old;
    if (action.kind == WriteKind::kClearBits) bytes[i] = old & ~bytes[i];
  }
  KTAPE_TRY(kernel.write(memory, place, bytes));
  KTAPE_ASSIGN(result.value, fetch(memory, place, width));
  return {};
}

bool OpExecutor::Impl::write_one(WritableGuestMemory& memory, const Op& op, OpResult& result) {
  Reached to;
  if (!reach(memory, op, true, result, to)) return false;
  look_at_queues(memory, to, result);
  // The value before, and the value after.
  if (!take_reply_bytes(2, to.width.bytes, result)) return false;
  const Result<void> stored = store(memory, to.places[0], std::get<WriteAction>(op.action), to.width, result);
  if (!stored.ok()) return fail(result, stored.error());
  result.status = schema::EntryStatus::DONE;
  return true;
}

bool OpExecutor::Impl::hot_one(const GuestMemory& memory, const Op& op, OpResult& result) {
  // Before `reach`: the gates of a task read what only stands still in a freeze.
  const Resolved& names = resolve(op.target);
  const Result<OpWidth> fits =
      names.plan.ok() ? fit_op(*names.plan, op, schema::OpMode::HOT) : names.plan.error();
  if (!fits.ok()) return refuse(result, fits.error());
  Reached to;
  if (!reach(memory, op, false, result, to)) return false;
  const uint32_t bytes = to.width.bytes;
  if (to.places[0].value % bytes != 0) {
    const std::string message =
        fmt::format("a hot read takes an aligned value, not {} bytes at {:#x}", bytes, to.places[0].value);
    return refuse(result, Error{ErrorCode::kRefused, message, "make it cold: it is then served in a freeze"});
  }
  const Result<GuestPhysical> physical = kernel.translate(memory, to.places[0]);
  if (!physical.ok()) return fail(result, physical.error());
  result.physical_address = *physical;
  OpValue value{to.width.kind, std::vector<std::byte>(bytes)};
  // In one piece, so that the running guest cannot tear it.
  const Result<void> read = memory.read(*physical, value.bytes);
  if (!read.ok()) return fail(result, read.error());
  result.value = std::move(value);
  result.status = schema::EntryStatus::DONE;
  return true;
}

OpExecutor::OpExecutor(const Kernel& kernel, Lists lists) : impl_(std::make_unique<Impl>(kernel, lists)) {}
OpExecutor::~OpExecutor() = default;

std::vector<OpResult> OpExecutor::read(const GuestMemory& memory, const std::vector<Op>& ops) {
  impl_->begin_request();
  std::vector<OpResult> results;
  results.reserve(ops.size());
  for (const Op& op : ops)
    results.push_back(timed([&](OpResult& result) { impl_->read_one(memory, op, result); }));
  return results;
}

std::vector<OpResult> OpExecutor::write(WritableGuestMemory& memory, const std::vector<Op>& ops) {
  impl_->begin_request();
  std::vector<OpResult> results;
  results.reserve(ops.size());
  bool stopped = false;
  for (const Op& op : ops) {
    if (stopped) {
      results.emplace_back();
      results.back().reason = "an earlier write of the batch was not done";
      continue;
    }
    results.push_back(timed([&](OpResult& result) { stopped = !impl_->write_one(memory, op, result); }));
  }
  return results;
}

OpResult OpExecutor::read_hot(const GuestMemory& memory, const Op& op) {
  impl_->begin_request();
  return timed([&](OpResult& result) { impl_->hot_one(memory, op, result); });
}

std::vector<UsedLayout> OpExecutor::take_used_layouts() { return impl_->log.take(); }

}  // namespace ktape
