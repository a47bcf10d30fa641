// SPDX-License-Identifier: Apache-2.0
#include "replay/read/target_read.h"

#include <capnp/message.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "guest/kernel/ops/gates.h"
#include "guest/kernel/ops/op_plan.h"
#include "guest/kernel/ops/op_records.h"
#include "guest/kernel/ops/op_result.h"
#include "guest/kernel/sched/tasks.h"
#include "guest/kernel/types/layout_log.h"
#include "replay/read/one_line.h"
#include "replay/tape/value_text.h"
#include "schema/base/text.h"
#include "schema/target/target_line.h"

namespace ktape {

namespace {

// When the task that has this pid in this memory started, in clock ticks as in /proc; 0 if there is
// no such task or it was not captured: the gates report that.
uint64_t start_of(const Kernel& kernel, const RecordedMemory& memory, Pid pid) {
  LayoutLog log(kernel.btf());
  const auto finder = TaskFinder::create(kernel, log);
  const auto task = finder.ok() ? finder->find(memory, pid) : finder.error();
  const auto field = log.field("struct task_struct", "start_boottime");
  if (!task.ok() || !*task || !field.ok()) return 0;
  const auto start = kernel.read_uint(memory, **task + field->offset_bytes, field->type.size_bytes);
  return start.ok() ? *start / kClockTickNs * kClockTickNs : 0;
}

// The text after "task:" if it begins like a number: "12" of "task:12.comm".
std::string_view numeric_root(std::string_view line) {
  constexpr std::string_view kRoot = "task:";
  constexpr std::string_view kDigits = "0123456789";
  if (!line.starts_with(kRoot)) return "";
  line.remove_prefix(kRoot.size());
  if (kDigits.find(line.empty() ? ' ' : line.front()) == kDigits.npos) return "";
  return line.substr(0, line.find_first_of("@.-[{: "));
}

// "task:12" on a tape whose worker '12' had started by then could be either: neither is guessed.
// Names that are numbers are refused today, but an older recorder took them.
Result<void> check_unambiguous(const std::string& line, const TapeIndex& index,
                               const Freeze& freeze, const TaskRoot& task) {
  const std::string_view typed = numeric_root(line);
  if (typed.empty() || task.start_boottime_ns != 0 || !index.worker(typed, freeze.began).ok())
    return {};
  return Error{ErrorCode::kUsage,
               fmt::format("target {}: '{}' is a worker's name, and could also be a pid",
                           in_quotes(line), typed),
               fmt::format("\"task:'{0}'\" is the worker, task:pid={0} the pid", typed)};
}

// kNotApplicable for a worker that started later.
Result<const RecordedWorker*> worker_at(const TapeIndex& index, const Freeze& freeze,
                                        const std::string& name) {
  const Result<const RecordedWorker*> worker = index.worker(name, freeze.began);
  if (worker.ok() || !index.worker(name, Seq(std::numeric_limits<uint64_t>::max())).ok())
    return worker;
  return Error{ErrorCode::kNotApplicable,
               fmt::format("worker {} had not started by then", in_quotes(name)), ""};
}

Result<void> name_task(const Kernel& kernel, const RecordedMemory& memory, const TapeIndex& index,
                       const Freeze& freeze, TaskRoot& task) {
  if (!task.worker.empty()) {
    KTAPE_ASSIGN(const RecordedWorker* worker, worker_at(index, freeze, task.worker));
    task.pid = worker->pid;
    task.start_boottime_ns = worker->start_boottime_ns;
  } else if (task.start_boottime_ns == 0) {
    task.start_boottime_ns = start_of(kernel, memory, task.pid);
  }
  return {};
}

// The op's errors that follow from the kernel's symbols and types alone.
Result<void> check_op(const Kernel& kernel, const Op& op) {
  LayoutLog log(kernel.btf());
  KTAPE_ASSIGN(const TargetPlan plan,
               plan_target(kernel.knowledge(), op.target, log, Lists::kAsFarAsTheyGo));
  KTAPE_TRY(fit_op(plan, op, schema::OpMode::COLD));
  return {};
}

// A mistake of the user who typed the target, unless the types themselves are bad.
Error usage(const Kernel& kernel, const std::string& line, const Error& why) {
  Error error{why.code == ErrorCode::kBadInput ? why.code : ErrorCode::kUsage,
              fmt::format("target {}: {}", in_quotes(line), why.message), why.hint};
  // The kernel may well have the symbol or type. A member is another matter: types that are there
  // have all of theirs.
  const bool whole = why.message.starts_with("no symbol ") || why.message.starts_with("no type ");
  if (whole && kernel.knowledge().symbols.find(kLeftOutSymbol)) {
    error.message += "; the tape is slim";
    error.hint =
        "it has only the symbols and types that its run used; ask the tape that it was made from";
  }
  return error;
}

// The op that a line asks for, checked against the kernel's names and types.
Result<Op> asked_op(const Kernel& kernel, const std::string& line) {
  capnp::MallocMessageBuilder message;
  auto entry = message.initRoot<schema::OpEntry>();
  KTAPE_ASSIGN(const std::string symbol, parse_target_line(line, entry));
  if (!symbol.empty()) {
    // The address of a per-CPU variable is that of its template, which no CPU uses.
    if (auto known = check_symbol(kernel.knowledge(), symbol); !known.ok())
      return usage(kernel, line, known.error());
    KTAPE_ASSIGN(const GuestVirtual address, kernel.symbol(symbol));
    entry.getTarget().getVirtual().setAddress(address.value);
  }
  const auto target = entry.asReader().getTarget();
  if (symbol.empty() && target.isVirtual() && target.getVirtual().getType().size() == 0 &&
      target.getSteps().size() > 0) {
    return usage(kernel, line,
                 Error{ErrorCode::kUsage, "a path needs the type of the object at the address",
                       "e.g. '(struct rq)" + line + "'"});
  }
  Result<Op> op = read_op(entry.asReader(), schema::OpMode::COLD);
  if (!op.ok()) return usage(kernel, line, op.error());
  if (auto fits = check_op(kernel, *op); !fits.ok()) return usage(kernel, line, fits.error());
  return op;
}

// Nothing if no type is known, or the bytes were asked for whatever their type.
std::optional<TypeInfo> type_of_value(const Kernel& kernel, const Op& op) {
  const auto* action = std::get_if<ReadAction>(&op.action);
  LayoutLog unused(kernel.btf());
  auto type = target_type(kernel.btf(), op.target, unused, Lists::kAsFarAsTheyGo);
  if (action == nullptr || action->kind == schema::ValueKind::BYTES || !type.ok())
    return std::nullopt;
  return std::move(*type);
}

// In decimal; empty if it is not a number.
std::string number_text(const Btf& btf, const std::optional<TypeInfo>& type, const OpValue& value) {
  // That of an atomic_t is the number in it.
  const TypeInfo inner = type ? without_wrappers(btf, *type) : TypeInfo();
  const bool is_number = inner.kind == TypeKind::kInteger && value.bytes.size() <= sizeof(uint64_t);
  const bool is_bytes =
      value.kind == schema::ValueKind::BYTES || value.kind == schema::ValueKind::WHOLE;
  if (is_bytes && !(type && is_number)) return "";
  uint64_t number = 0;
  std::memcpy(&number, value.bytes.data(), std::min(sizeof number, value.bytes.size()));
  const auto integer = type ? btf.integer(inner.id) : Result<IntegerInfo>(IntegerInfo());
  if (!integer.ok() || !integer->is_signed) return std::to_string(number);
  const size_t unused_bits = 8 * (sizeof number - value.bytes.size());
  return std::to_string(static_cast<int64_t>(number << unused_bits) >> unused_bits);
}

void decode(const Kernel& kernel, const GuestMemory& memory, const Op& op, const OpResult& result,
            TargetRead& read) {
  const std::optional<TypeInfo> type = type_of_value(kernel, op);
  const ValueContext context{&kernel, [&] { return &memory; }};
  const auto add = [&](const OpValue& value) {
    if (type) read.decoded.push_back(value_text(kernel.btf(), *type, value.bytes, context));
    if (type) read.cells.push_back(one_line(kernel.btf(), *type, value.bytes, context));
    read.numbers.push_back(number_text(kernel.btf(), type, value));
  };
  if (result.value) add(*result.value);
  for (const OpValue& value : result.list) add(value);
}

template <typename T, typename Fill>
OwnedMessage<T> built(Fill fill) {
  capnp::MallocMessageBuilder message;
  fill(message.initRoot<T>());
  OwnedMessage<T> kept;
  kept.keep(message.getRoot<T>().asReader());
  return kept;
}

}  // namespace

TargetRead TargetRead::of_error(const std::string& line, const Error& error) {
  const bool mistake = error.code == ErrorCode::kUsage;
  TargetRead read;
  read.line = line;
  read.not_read = exit_code(error);
  read.reply = built<schema::EntryReply>([&](auto to) {
    to.setStatus(mistake ? schema::EntryStatus::REFUSED : schema::EntryStatus::FAILED);
    to.setReason(reply_sentence(error));
  });
  return read;
}

ExitCode TargetRead::code() const {
  if (reply.get().getStatus() != schema::EntryStatus::DONE) return not_read;
  return broke_off.empty() ? ExitCode::kGood : ExitCode::kInconclusive;
}

TargetReader::TargetReader(const Kernel& kernel, const TapeIndex& index)
    : kernel_(kernel), index_(index), executor_(kernel, Lists::kAsFarAsTheyGo) {}

Result<void> TargetReader::check(const Freeze& freeze, const std::string& line) const {
  KTAPE_ASSIGN(const Op op, asked_op(kernel_, line));
  const auto* task = std::get_if<TaskRoot>(&op.target.root);
  if (task == nullptr) return {};
  KTAPE_TRY(check_unambiguous(line, index_, freeze, *task));
  if (task->worker.empty()) return {};
  // That it had not started by then is no mistake.
  const auto worker = worker_at(index_, freeze, task->worker);
  if (worker.ok() || worker.error().code != ErrorCode::kUsage) return {};
  return worker.error();
}

Result<TargetRead> TargetReader::read(const RecordedMemory& memory, const Freeze& freeze,
                                      const std::string& line) {
  KTAPE_ASSIGN(Op op, asked_op(kernel_, line));
  auto* task = std::get_if<TaskRoot>(&op.target.root);
  if (task != nullptr) KTAPE_TRY(check_unambiguous(line, index_, freeze, *task));
  if (task != nullptr) KTAPE_TRY(name_task(kernel_, memory, index_, freeze, *task));

  // Forgets what the search for the task missed.
  (void)memory.take_missing();
  OpResult result = executor_.read(memory, {op}).at(0);
  result.elapsed_ns = 0;  // of this host, now: it says nothing about the run

  TargetRead read;
  read.line = line;
  read.missing = memory.take_missing();
  read.broke_off = result.broke_off;
  read.entries = std::move(result.numbers);
  if (result.status == schema::EntryStatus::DONE) decode(kernel_, memory, op, result, read);
  KTAPE_TRY(memory.intact());
  read.reply = built<schema::EntryReply>([&](auto to) { write_result(result, to); });
  for (const GateResult& gate : result.gates) {
    read.gates.push_back(built<schema::GateChecked>([&](auto to) {
      write_gate(freeze.op, 0, gate, to);
      to.setFreeze(freeze.id);
      to.setTry(freeze.attempt);
    }));
  }
  return read;
}

}  // namespace ktape
