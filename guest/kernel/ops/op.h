// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "schema/base/units.h"
#include "schema/op.capnp.h"
#include "schema/record.capnp.h"
#include "schema/target/target_path.h"

namespace ktape {

// A request and its reply as plain values: the input and output of op execution.
//
// The guest's OpRequest becomes Ops (read_ops() in op_records.h), because it may have to wait, and
// its message does not last. With names resolved these become PreparedOps, and a freeze turns them
// into ServedOps (served_op.h), which hold only words and addresses, because no text is made while
// the guest is stopped. Once it runs again they become the OpResults below, which OpReplied holds
// (write_result()).

struct SymbolRoot {
  std::string name;
};
struct PerCpuRoot {
  std::string symbol;
  CpuId cpu;
};
struct TaskRoot {
  Pid pid;
  uint64_t start_boottime_ns = 0;
  std::string worker;  // for messages only
};
struct VirtualRoot {
  GuestVirtual address;
  std::string type;
};

struct OpTarget {
  std::variant<SymbolRoot, PerCpuRoot, TaskRoot, VirtualRoot> root;
  std::vector<PathStep> path;
};

// Bytes in the guest's order, which is little-endian as ours, and how to show them.
struct OpValue {
  schema::ValueKind kind = schema::ValueKind::BYTES;
  std::vector<std::byte> bytes;  // 1, 2, 4 or 8 bytes for u8 to u64
};

// Which entry of each walk of a path a value belongs to, from 0: {3, 0} is the first child of the
// fourth task.
using EntryNumbers = std::vector<uint32_t>;

enum class WriteKind { kStore, kSetBits, kClearBits };

struct ReadAction {
  schema::ValueKind kind = schema::ValueKind::AUTO;
  uint32_t length = 0;  // for BYTES
};
struct WriteAction {
  WriteKind kind = WriteKind::kStore;
  OpValue value;  // for set and clear: the mask, with its width
};

struct Op {
  std::string tag;
  OpTarget target;
  std::variant<ReadAction, WriteAction> action;
  bool consistent = false;  // a read that requires the value's protection to be free
};

// Who may hold a lock that caused a refusal, or waits for it; as in the schema.
struct LockUser {
  std::string lock;
  schema::LockRole role = schema::LockRole::HOLDER;
  schema::Basis basis = schema::Basis::INFERRED;
  int32_t cpu = -1;
  Pid pid;
  std::string comm;
  std::string symbol;
};

struct GateResult {
  schema::Gate gate = schema::Gate::NOT_SAID;
  schema::GateOutcome outcome = schema::GateOutcome::NOT_EVALUATED;
  bool enforced = false;
  std::string observed;
  std::string expected;
};

struct OpResult {
  schema::EntryStatus status = schema::EntryStatus::NOT_REACHED;
  std::string reason;
  std::optional<OpValue> value;
  bool is_list = false;  // the path walks a list: `list` has its values, `value` is empty
  std::vector<OpValue> list;
  // Only with Lists::kAsFarAsTheyGo: for each value of `list`, and why it is incomplete; empty: it
  // is complete.
  std::vector<EntryNumbers> numbers;
  std::string broke_off;
  std::optional<OpValue> before;
  GuestVirtual virtual_address;
  GuestPhysical physical_address;
  std::string type;
  uint32_t width_bytes = 0;
  bool width_checked = false;
  int32_t protecting_cpu = -1;
  uint64_t elapsed_ns = 0;
  std::string note;
  // For task targets: all twelve, in order; then gate `consistent` for a consistent read.
  std::vector<GateResult> gates;
  schema::Gate refused_by = schema::Gate::NOT_SAID;
  std::vector<LockUser> lock_users;  // set if refused because of a lock
};

}  // namespace ktape
