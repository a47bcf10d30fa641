// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "guest/machine/machine.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// A processor has kMaxBreakpoints, and several parts of a run want some. Who comes first, gets
// first.
enum class BreakpointPriority {
  kSchedulers,  // what a run needs to see its schedulers come and go
  kScxError,
  kUser,  // `symbol:` triggers
};

// One function at whose entry a part of the run wants the machine to stop.
struct BreakpointRequest {
  BreakpointPriority priority = BreakpointPriority::kUser;
  std::string holder;  // for people: "scx-error", "symbol:schedule", "the scheduler's exit"
  std::string function;
};

// Whether a processor has breakpoints for all of them, at the same time; requests for one function
// share one. kUsage when not: the message names who has got one and who has not.
[[nodiscard]] Result<void> check_breakpoints(std::vector<BreakpointRequest> requests);

// The machine's breakpoints, each of which may have several holders: it is set for the first and
// cleared after the last.
class Breakpoints {
 public:
  // As Frozen::set_breakpoint; when that fails, there is no holder more than before.
  [[nodiscard]] Result<void> hold(Frozen& frozen, GuestVirtual address);
  // Undoes one hold().
  [[nodiscard]] Result<void> release(Frozen& frozen, GuestVirtual address);

 private:
  std::map<uint64_t, unsigned> holders_;  // by address
};

}  // namespace ktape
