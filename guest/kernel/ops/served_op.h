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

// The reason for a write of a batch that was not reached, because an earlier write was not done, or
// a gate refused a later one.
inline constexpr char kStoppedBefore[] = "an earlier write of the batch was not done";
inline constexpr char kStoppedAfter[] =
    "a later write of the batch was refused, so nothing was written";

// The ops of a request before, during and after a freeze. Work that takes time and needs no memory
// is done before or after: OpExecutor::prepare makes PreparedOps, serving makes ServedOps,
// describe() makes OpResults.

// What names alone determine about a target; the same for every CPU and task. Shared by all ops
// with that target, and kept for the run; `per_cpu` is filled while the machine is stopped.
struct TargetNames {
  Result<TargetPlan> plan;
  std::map<uint32_t, GuestVirtual> per_cpu;  // instances found so far
};

struct PreparedOp {
  const Op* op = nullptr;
  std::shared_ptr<TargetNames> names;
  std::string refusal;  // why it cannot be served, by names and types alone; empty: it can
  OpWidth width;
  GuestVirtual root;         // of a symbol, a per-CPU template, or an address; unset for a task
  std::string type;          // of what the path reaches, for the result
  bool is_runqueue = false;  // the root is a CPU's runqueue
};

// Parts that few ops have.
struct ServedRest {
  std::string reason;
  std::string note;
  std::optional<OpValue> value;  // a value of more than 8 bytes
  std::optional<OpValue> before;
  std::vector<OpValue> list;
  std::vector<EntryNumbers> numbers;  // of each value of `list`; Lists::kAsFarAsTheyGo
  std::string broke_off;
  std::optional<GateReadings> gates;            // for a task target
  std::optional<ProtectionReading> protection;  // for a consistent read
};

struct ServedOp {
  schema::EntryStatus status = schema::EntryStatus::NOT_REACHED;
  bool reached = false;  // the address of the value is known
  int32_t protecting_cpu = -1;
  GuestVirtual virtual_address;
  GuestPhysical physical_address;
  uint64_t word = 0;   // the value, if it has at most 8 bytes and is not a list
  uint64_t ticks = 0;  // spent serving it
  std::unique_ptr<ServedRest> rest;

  // Allocates on first use: most ops are plain words, and a freeze serves up to 1024 of them.
  ServedRest& more() {
    if (rest == nullptr) rest = std::make_unique<ServedRest>();
    return *rest;
  }
};

struct ServedOps {
  std::vector<ServedOp> ops;
  // A gate refused for a temporary reason, and nothing was written: another try may succeed.
  bool may_pass = false;
  double ns_per_tick = 0;
};

}  // namespace ktape
