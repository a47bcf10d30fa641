// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/breakpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace ktape {

namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

Result<void> check_breakpoints(std::vector<BreakpointRequest> requests) {
  // By precedence, and in the given order within it, so the error names those that lose.
  std::stable_sort(requests.begin(), requests.end(),
                   [](const BreakpointRequest& a, const BreakpointRequest& b) {
                     return a.priority < b.priority;
                   });
  std::set<std::string> functions;
  std::vector<std::string> holders, without;
  bool scx_error = false;
  for (const BreakpointRequest& request : requests) {
    // A function that already has a breakpoint costs nothing more.
    const bool gets = functions.contains(request.function) || functions.size() < kMaxBreakpoints;
    if (gets) functions.insert(request.function);
    scx_error |= request.priority == BreakpointPriority::kScxError;
    (gets ? holders : without).push_back(fmt::format("{} ({})", request.holder, request.function));
  }
  if (without.empty()) return {};
  return Error{ErrorCode::kUsage,
               fmt::format("a CPU has {} breakpoints, used by {}: none is left for {}",
                           kMaxBreakpoints, listed(holders), listed(without)),
               scx_error ? "freeze on fewer functions, or omit scx-error with '--freeze-on none'"
                         : "freeze on fewer functions"};
}

Result<void> Breakpoints::hold(Frozen& frozen, GuestVirtual address) {
  // Counted only after it was set, so that a failure leaves nothing behind.
  if (!holders_.contains(address.value)) KTAPE_TRY(frozen.set_breakpoint(address));
  ++holders_[address.value];
  return {};
}

Result<void> Breakpoints::release(Frozen& frozen, GuestVirtual address) {
  const auto held = holders_.find(address.value);
  KTAPE_CHECK(held != holders_.end());
  // Erased before it is cleared: after a failure the machine is lost, and the count must not
  // outlive it.
  if (--held->second > 0) return {};
  holders_.erase(held);
  return frozen.clear_breakpoint(address);
}

}  // namespace ktape
