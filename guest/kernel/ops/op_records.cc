// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/op_records.h"

#include <fmt/format.h>
#include <kj/exception.h>

#include <cstring>
#include <utility>

#include "guest/kernel/ops/lock_users.h"
#include "guest/kernel/ops/op_width.h"
#include "schema/base/text.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

// One freeze serves a whole request, so the number of entries is limited: the guest decides how
// many it sends, and stands still while they are served.
constexpr unsigned kMaxEntries = 1024;

Error usage(std::string message) { return Error{ErrorCode::kUsage, std::move(message), ""}; }

template <typename T>
OpValue number(schema::ValueKind kind, T value) {
  OpValue to{kind, std::vector<std::byte>(sizeof value)};
  std::memcpy(to.bytes.data(), &value, sizeof value);
  return to;
}

uint64_t to_number(const OpValue& value) {
  uint64_t number = 0;
  std::memcpy(&number, value.bytes.data(), std::min(sizeof number, value.bytes.size()));
  return number;
}

// A mask wider than its value would be cut silently, and the op would do something else than was
// asked.
Result<OpValue> bits(schema::Bits::Reader from) {
  const uint64_t mask = from.getMask();
  const unsigned width = from.getWidth();
  if (width != 1 && width != 2 && width != 4 && width != 8) {
    return usage(fmt::format("bits have a width of 1, 2, 4 or 8 bytes, not {}", width));
  }
  if (width < 8 && mask >> (8 * width) != 0) {
    return usage(fmt::format("the mask {:#x} does not fit into {} bytes", mask, width));
  }
  switch (width) {
    case 1: return number(schema::ValueKind::U8, static_cast<uint8_t>(mask));
    case 2: return number(schema::ValueKind::U16, static_cast<uint16_t>(mask));
    case 4: return number(schema::ValueKind::U32, static_cast<uint32_t>(mask));
    default: return number(schema::ValueKind::U64, mask);
  }
}

Result<OpValue> byte_run(capnp::Data::Reader data) {
  if (data.size() == 0) return usage("a write of bytes has none");
  if (data.size() > kMaxValueBytes) {
    return usage(
        fmt::format("a write of {} bytes, and {} is the most", data.size(), kMaxValueBytes));
  }
  const auto* first = reinterpret_cast<const std::byte*>(data.begin());
  return OpValue{schema::ValueKind::BYTES, {first, first + data.size()}};
}

Result<WriteAction> read_write(schema::Value::Reader value) {
  switch (value.which()) {
    case schema::Value::NONE: return usage("a write needs a value");
    case schema::Value::LIST: return usage("a list cannot be written");
    case schema::Value::U8:
      return WriteAction{WriteKind::kStore, number(schema::ValueKind::U8, value.getU8())};
    case schema::Value::U16:
      return WriteAction{WriteKind::kStore, number(schema::ValueKind::U16, value.getU16())};
    case schema::Value::U32:
      return WriteAction{WriteKind::kStore, number(schema::ValueKind::U32, value.getU32())};
    case schema::Value::U64:
      return WriteAction{WriteKind::kStore, number(schema::ValueKind::U64, value.getU64())};
    case schema::Value::BYTES: {
      KTAPE_ASSIGN(OpValue stored, byte_run(value.getBytes()));
      return WriteAction{WriteKind::kStore, std::move(stored)};
    }
    case schema::Value::SET_BITS: {
      KTAPE_ASSIGN(OpValue mask, bits(value.getSetBits()));
      return WriteAction{WriteKind::kSetBits, std::move(mask)};
    }
    case schema::Value::CLEAR_BITS: {
      KTAPE_ASSIGN(OpValue mask, bits(value.getClearBits()));
      return WriteAction{WriteKind::kClearBits, std::move(mask)};
    }
  }
  return usage("a value of a kind that this ktape does not know");
}

Result<ReadAction> read_read(schema::ValueKind kind, uint32_t length) {
  // A kind from a newer scenario or agent: an enum of Cap'n Proto may have any value.
  if (kind > schema::ValueKind::WHOLE)
    return usage("a read of a kind that this ktape does not know");
  const bool bytes = kind == schema::ValueKind::BYTES;
  if (bytes && length == 0) return usage("a read of bytes needs a length");
  if (!bytes && length != 0) return usage("only a read of bytes has a length");
  if (length > kMaxValueBytes)
    return usage(fmt::format("a read of {} bytes, and {} is the most", length, kMaxValueBytes));
  return ReadAction{kind, length};
}

Result<OpTarget> read_target(schema::Target::Reader from) {
  OpTarget to;
  switch (from.which()) {
    case schema::Target::SYMBOL:
      if (from.getSymbol().size() == 0) return usage("the target names no symbol");
      to.root = SymbolRoot{string_of(from.getSymbol())};
      break;
    case schema::Target::PER_CPU:
      if (from.getPerCpu().getSymbol().size() == 0) return usage("the target names no symbol");
      to.root =
          PerCpuRoot{string_of(from.getPerCpu().getSymbol()), CpuId(from.getPerCpu().getCpu())};
      break;
    case schema::Target::TASK: {
      const auto task = from.getTask();
      to.root =
          TaskRoot{Pid(task.getPid()), task.getStartBoottimeNs(), string_of(task.getWorker())};
      break;
    }
    case schema::Target::VIRTUAL:
      to.root = VirtualRoot{GuestVirtual(from.getVirtual().getAddress()),
                            string_of(from.getVirtual().getType())};
      break;
    default: return usage("a target of a kind that this ktape does not know");
  }
  // `steps` is what a capture writes, `path` what people write; if a record has both, the steps are
  // what was meant.
  if (from.getSteps().size() > 0) {
    KTAPE_ASSIGN(to.path, read_steps(from));
  } else {
    KTAPE_ASSIGN(to.path, parse_target_path(string_of(from.getPath())));
  }
  return to;
}

Result<Op> decode(schema::OpEntry::Reader entry, schema::OpMode mode) {
  Op op;
  op.tag = string_of(entry.getTag());
  op.consistent = entry.getConsistent();
  if (op.consistent && mode == schema::OpMode::HOT) return usage("a hot read cannot be consistent");
  if (op.consistent && !entry.isRead()) return usage("only a read can be consistent");
  KTAPE_ASSIGN(op.target, read_target(entry.getTarget()));
  switch (entry.which()) {
    case schema::OpEntry::READ: {
      KTAPE_ASSIGN(const ReadAction action, read_read(entry.getRead(), entry.getLength()));
      op.action = action;
      return op;
    }
    case schema::OpEntry::WRITE: {
      if (mode == schema::OpMode::HOT) return usage("a hot op cannot write");
      KTAPE_ASSIGN(WriteAction action, read_write(entry.getWrite()));
      op.action = std::move(action);
      return op;
    }
  }
  return usage("neither a read nor a write");
}

}  // namespace

Result<Op> read_op(schema::OpEntry::Reader entry, schema::OpMode mode) {
  try {
    // Cap'n Proto throws for a pointer that leads out of the message, when it is followed.
    return decode(entry, mode);
  } catch (const kj::Exception& e) {
    return usage(fmt::format("cannot decode the entry: {}", e.getDescription().cStr()));
  }
}

Result<std::vector<Op>> read_ops(capnp::List<schema::OpEntry>::Reader entries,
                                 schema::OpMode mode) {
  try {
    if (entries.size() == 0) return usage("a request without entries");
    if (entries.size() > kMaxEntries)
      return usage(
          fmt::format("a request of {} entries, and {} is the most", entries.size(), kMaxEntries));
    if (mode > schema::OpMode::HOT)
      return usage("a request of a mode that this ktape does not know");
    std::vector<Op> ops;
    for (unsigned i = 0; i < entries.size(); ++i) {
      Result<Op> op = decode(entries[i], mode);
      // 1-based, as in every text about entries.
      const std::string name =
          fmt::format("entry {} ('{}')", i + 1, string_of(entries[i].getTag()));
      if (!op.ok()) return usage(name + ": " + op.error().message);
      const auto* task = std::get_if<TaskRoot>(&op->target.root);
      if (task && task->pid.value <= 0) return usage(name + ": a task target needs a pid above 0");
      // They are served differently: a batch of reads has no gates in common and cannot fail
      // half-way.
      if (!ops.empty() && op->action.index() != ops[0].action.index()) {
        return usage(name + ": reads and writes cannot stand in one request");
      }
      ops.push_back(std::move(*op));
    }
    return ops;
  } catch (const kj::Exception& e) {
    return usage(fmt::format("cannot decode the request: {}", e.getDescription().cStr()));
  }
}

void write_op(schema::OpEntry::Reader from, const Op& op, schema::OpEntry::Builder to) {
  to.setTag(from.getTag());
  to.setTarget(from.getTarget());
  if (from.isRead()) {
    to.setRead(from.getRead());
  } else {
    to.setWrite(from.getWrite());
  }
  to.setLength(from.getLength());
  to.setConsistent(from.getConsistent());
  // The path is written again from the parsed steps, so that every spelling of it is the same text
  // on a tape.
  to.getTarget().setPath(target_path_text(op.target.path));
  write_steps(op.target.path, to.getTarget());
}

void write_value(const OpValue& value, schema::Value::Builder to) {
  switch (value.kind) {
    case schema::ValueKind::U8: to.setU8(static_cast<uint8_t>(to_number(value))); break;
    case schema::ValueKind::U16: to.setU16(static_cast<uint16_t>(to_number(value))); break;
    case schema::ValueKind::U32: to.setU32(static_cast<uint32_t>(to_number(value))); break;
    case schema::ValueKind::U64: to.setU64(to_number(value)); break;
    default:
      to.setBytes({reinterpret_cast<const kj::byte*>(value.bytes.data()), value.bytes.size()});
      break;
  }
}

namespace {

void write_lock_user(const LockUser& user, schema::LockUser::Builder to) {
  to.setLock(user.lock);
  to.setRole(user.role);
  to.setBasis(user.basis);
  to.setCpu(user.cpu);
  to.setPid(user.pid.value);
  to.setComm(as_data(user.comm));
  to.setSymbol(user.symbol);
}

}  // namespace

void write_result(const OpResult& result, schema::EntryReply::Builder to) {
  to.setStatus(result.status);
  // The holders are in `lockUsers`, too; in the reason they are for readers that know only that
  // field.
  to.setReason(result.lock_users.empty()
                   ? result.reason
                   : result.reason + "; " + lock_users_text(result.lock_users));
  if (result.value) write_value(*result.value, to.initValue());
  if (result.is_list && result.status == schema::EntryStatus::DONE) {
    auto list = to.initValue().initList(static_cast<unsigned>(result.list.size()));
    for (unsigned i = 0; i < list.size(); ++i) write_value(result.list[i], list[i]);
  }
  if (result.before) write_value(*result.before, to.initBefore());
  to.setVirtualAddress(result.virtual_address.value);
  to.setPhysicalAddress(result.physical_address.value);
  to.setType(as_data(result.type));
  to.setWidthBytes(result.width_bytes);
  to.setWidthChecked(result.width_checked);
  to.setProtectingCpu(result.protecting_cpu);
  to.setElapsedNs(result.elapsed_ns);
  to.setNote(result.note);
  to.setRefusedBy(result.refused_by);
  if (result.lock_users.empty()) return;
  auto users = to.initLockUsers(static_cast<unsigned>(result.lock_users.size()));
  for (unsigned i = 0; i < users.size(); ++i) write_lock_user(result.lock_users[i], users[i]);
}

void write_gate(uint64_t op, uint32_t entry, const GateResult& gate,
                schema::GateChecked::Builder to) {
  to.setOp(op);
  to.setEntry(entry);
  to.setGate(gate.gate);
  to.setOutcome(gate.outcome);
  to.setEnforced(gate.enforced);
  to.setObserved(as_data(gate.observed));
  to.setExpected(gate.expected);
}

}  // namespace ktape
