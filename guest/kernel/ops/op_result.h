// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/gates.h"
#include "guest/kernel/ops/op.h"
#include "guest/kernel/ops/served_op.h"
#include "guest/kernel/sched/evidence.h"
#include "schema/base/result.h"

namespace ktape {

// A value of no more bytes is a ServedOp's `word`.
inline constexpr size_t kWordBytes = sizeof(uint64_t);

// The reason that a reply carries for an error: it has no place of its own for the remedy. Bounded.
[[nodiscard]] std::string reply_sentence(const Error& error);

// The notes of an entry are one text; an empty note adds nothing.
void append_note(std::string& notes, std::string_view note);

// What an op was served with.
struct ServingContext {
  const Kernel& kernel;
  const GateChecker& gates;
  const StopMoment& moment;
  double ns_per_tick = 0;
};

// Puts into words what came of an op, once the machine runs again. `served` is of `prepared`.
[[nodiscard]] OpResult describe_op(const ServingContext& context, const PreparedOp& prepared,
                                   ServedOp served);

}  // namespace ktape
