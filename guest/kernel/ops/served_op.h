// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guest/kernel/ops/gates.h"
#include "guest/kernel/ops/op.h"
#include "guest/kernel/ops/op_width.h"
#include "guest/kernel/ops/protection.h"
#include "guest/kernel/ops/target_plan.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// What a write of a batch is told that was not reached, because one before it was not done, or
// because a gate refused one after it.
inline constexpr char kStoppedBefore[] = "an earlier write of the batch was not done";
inline constexpr char kStoppedAfter[] =
    "a later write of the batch was refused, so nothing was written";

// The ops of a request before, during and after a freeze. What takes time and needs no memory is
// done before or after: OpExecutor::prepare makes PreparedOps, serving them makes ServedOps,
// describe() makes OpResults.

// What names alone tell about a target; the same for every CPU and task.
struct TargetNames {
  Result<TargetPlan> plan;
  std::map<uint32_t, GuestVirtual> per_cpu;  // instances found so far
};

struct PreparedOp {
  const Op* op = nullptr;
  std::shared_ptr<TargetNames> names;
  std::string refusal;  // why it cannot be served, as far as names and types tell; empty: it can
  OpWidth width;
  GuestVirtual root;         // of a symbol, a per-CPU variable's template, or an address; no task's
  std::string type;          // what the path reaches, for the result
  bool is_runqueue = false;  // the root is a CPU's runqueue
};

// Refers to the ops that it was made of.
struct PreparedOps {
  std::vector<PreparedOp> ops;
};

// What few ops bring.
struct ServedRest {
  std::string reason;
  std::string note;
  std::optional<OpValue> value;  // one of more than 8 bytes
  std::optional<OpValue> before;
  std::vector<OpValue> list;
  std::string broke_off;
  std::optional<GateReadings> gates;            // of a task target
  std::optional<ProtectionReading> protection;  // of a read that is to be consistent
};

struct ServedOp {
  schema::EntryStatus status = schema::EntryStatus::NOT_REACHED;
  bool reached = false;  // it is known where the value stands
  int32_t protecting_cpu = -1;
  GuestVirtual virtual_address;
  GuestPhysical physical_address;
  uint64_t word = 0;   // the value, where it has at most 8 bytes and is not a list's
  uint64_t ticks = 0;  // that serving it took
  std::unique_ptr<ServedRest> rest;

  ServedRest& more() {
    if (rest == nullptr) rest = std::make_unique<ServedRest>();
    return *rest;
  }
};

struct ServedOps {
  std::vector<ServedOp> ops;
  // Something was refused by conditions that pass, and nothing was written: another try may do
  // better.
  bool may_pass = false;
  double ns_per_tick = 0;
};

}  // namespace ktape
