// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/breakpoints.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/memory_machine.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

class Held {
 public:
  MemoryMachine machine{std::vector<std::byte>(4096)};
  Frozen frozen = must(machine.freeze());
  Breakpoints breakpoints;
};

}  // namespace

TEST_CASE_METHOD(
    Held, "a breakpoint with two holders is set once, and cleared after both have released it") {
  must(breakpoints.hold(frozen, GuestVirtual(1)));
  must(breakpoints.hold(frozen, GuestVirtual(1)));
  must(breakpoints.hold(frozen, GuestVirtual(2)));
  CHECK(machine.breakpoints() == std::set<uint64_t>{1, 2});
  must(breakpoints.release(frozen, GuestVirtual(1)));
  CHECK(machine.breakpoints() == std::set<uint64_t>{1, 2});
  must(breakpoints.release(frozen, GuestVirtual(1)));
  CHECK(machine.breakpoints() == std::set<uint64_t>{2});
}

TEST_CASE_METHOD(Held, "a breakpoint that the machine refuses has no holder") {
  machine.fail_next_breakpoint(Error{ErrorCode::kHost, "no breakpoint", ""});
  CHECK_FALSE(breakpoints.hold(frozen, GuestVirtual(1)).ok());
  must(breakpoints.hold(frozen, GuestVirtual(1)));
  CHECK(machine.breakpoints() == std::set<uint64_t>{1});
}

TEST_CASE("the first served are those without which a run does not see its schedulers") {
  using Priority = BreakpointPriority;
  const Result<void> found = check_breakpoints({{Priority::kUser, "u", "a"},
                                                {Priority::kScxError, "e", "b"},
                                                {Priority::kUser, "v", "c"},
                                                {Priority::kSchedulers, "s", "d"},
                                                {Priority::kSchedulers, "t", "f"},
                                                {Priority::kUser, "w", "d"}});
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().message ==
        "a CPU has 4 breakpoints, used by s (d), t (f), e (b), u (a), w (d): none is left "
        "for v (c)");
}

}  // namespace ktape::test
