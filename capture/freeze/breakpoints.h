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

// A CPU has kMaxBreakpoints breakpoints, and several parts of a run need some. Earlier values take
// precedence.
enum class BreakpointPriority {
  kSchedulers,  // what a run needs to see schedulers attach and exit
  kScxError,
  kUser,  // `symbol:` triggers
};

// A request to stop the machine at the entry of a function.
struct BreakpointRequest {
  BreakpointPriority priority = BreakpointPriority::kUser;
  std::string holder;  // for people: "scx-error", "symbol:schedule", "the scheduler's exit"
  std::string function;
};

// Checks that a CPU has enough breakpoints for all requests at the same time. Requests for the same
// function share one. kUsage names the holders that get one and those that do not.
[[nodiscard]] Result<void> check_breakpoints(std::vector<BreakpointRequest> requests);

// The machine's breakpoints, counted. Each may have several holders, such as a trigger and the
// scheduler watch on one function: it is set for the first and cleared after the last.
class Breakpoints {
 public:
  // As Frozen::set_breakpoint; on failure no holder is added.
  [[nodiscard]] Result<void> hold(Frozen& frozen, GuestVirtual address);
  // Undoes one hold(). The caller must hold it. An error means that the machine did not clear the
  // breakpoint; the hold is gone in any case.
  [[nodiscard]] Result<void> release(Frozen& frozen, GuestVirtual address);

 private:
  std::map<uint64_t, unsigned> holders_;  // by address
};

}  // namespace ktape
