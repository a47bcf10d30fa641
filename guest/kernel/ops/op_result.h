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

// A value of at most this size is a ServedOp's `word`.
inline constexpr size_t kWordBytes = sizeof(uint64_t);

// The reason in a reply for an error. Includes the hint, for which the reply has no field. Bounded.
[[nodiscard]] std::string reply_sentence(const Error& error);

// The notes of an entry are one text; an empty note adds nothing.
void append_note(std::string& notes, std::string_view note);

// The context in which an op was served.
struct ServingContext {
  const Kernel& kernel;
  const GateChecker& gates;
  const StopMoment& moment;
  double ns_per_tick = 0;
};

// Turns a served op into text, once the machine runs again. `served` belongs to `prepared`.
[[nodiscard]] OpResult describe_op(const ServingContext& context, const PreparedOp& prepared,
                                   ServedOp served);

}  // namespace ktape
