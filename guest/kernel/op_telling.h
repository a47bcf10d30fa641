// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "guest/kernel/gates.h"
#include "guest/kernel/op.h"
#include "guest/kernel/served_op.h"

namespace ktape {

// A value of no more bytes is a ServedOp's `word`.
inline constexpr size_t kWordBytes = sizeof(uint64_t);

// The notes of an entry are one text; an empty note adds nothing.
void append_note(std::string& notes, std::string_view note);

// Puts into words what came of an op, once the machine runs again. `served` is of `prepared`; `gates` are
// those that looked at its task.
[[nodiscard]] OpResult tell_op(const GateChecker& gates, const PreparedOp& prepared, ServedOp served,
                               double ns_per_tick);

}  // namespace ktape
