// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/lock_users.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/support/kernel/fake_kernel.h"

using namespace ktape;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using ktape::test::FakeKernel;
using schema::Basis;
using schema::LockRole;

namespace {

constexpr uint64_t kLocked = 1;
constexpr uint64_t kPending = 1 << 8;
constexpr uint64_t tail(uint32_t cpu) { return uint64_t{cpu + 1} << 18; }

// CPUs that stopped in the kernel with interrupts off, all except those named.
StopMoment moment(const FakeKernel& kernel, uint32_t cpus,
                  const std::vector<uint32_t>& elsewhere = {}) {
  StopMoment at;
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
    at.cpus.push_back({true, kernel.symbol("scx_error_irq_workfn") + 3, 0, false});
    CpuEvidence evidence;
    evidence.known = true;
    evidence.current_pid = Pid(static_cast<int32_t>(100 + cpu));
    evidence.current_comm = "task";
    at.evidence.cpus.push_back(evidence);
  }
  for (const uint32_t cpu : elsewhere) at.cpus[cpu].interrupts_enabled = true;
  return at;
}

ProtectorSeen runqueue_lock(uint64_t word) {
  return {ProtectorKind::kRunqueueLock, 3, word, word == 0};
}

std::vector<std::pair<LockRole, int32_t>> roles(const std::vector<LockUser>& users) {
  std::vector<std::pair<LockRole, int32_t>> all;
  for (const LockUser& user : users) all.emplace_back(user.role, user.cpu);
  return all;
}

}  // namespace

TEST_CASE("a lock that is free has no users") {
  FakeKernel kernel;
  CHECK(lock_users(kernel.kernel(), {runqueue_lock(0)}, moment(kernel, 2)).empty());
}

TEST_CASE(
    "who may hold a lock is inferred: CPUs in the kernel with interrupts off, but not who waits "
    "for it") {
  FakeKernel kernel;
  const auto users =
      lock_users(kernel.kernel(), {runqueue_lock(kLocked | tail(2))}, moment(kernel, 4, {1}));
  CHECK(roles(users) == std::vector<std::pair<LockRole, int32_t>>{
                            {LockRole::HOLDER, 0}, {LockRole::HOLDER, 3}, {LockRole::WAITER, 2}});
  CHECK(users[0].basis == Basis::INFERRED);
  CHECK(users[0].pid == Pid(100));
  CHECK(users[0].symbol == "scx_error_irq_workfn+0x3");
  CHECK(users[2].basis == Basis::OBSERVED);
  CHECK(lock_users_text(users) ==
        "runqueue lock of CPU 3: may be held by CPU 0 in scx_error_irq_workfn+0x3 running "
        "task[100] or CPU 3 "
        "in "
        "scx_error_irq_workfn+0x3 running task[103] (inferred: in the kernel with interrupts off), "
        "CPU 2 in "
        "scx_error_irq_workfn+0x3 running task[102] waits (observed)");
}

TEST_CASE("of the CPUs that may hold a lock, those that wait for one are named last") {
  FakeKernel kernel;
  StopMoment at = moment(kernel, 3);
  at.cpus[0].rip = kernel.symbol("native_queued_spin_lock_slowpath") + 9;
  const auto users = lock_users(kernel.kernel(), {runqueue_lock(kLocked)}, at);
  CHECK(roles(users) == std::vector<std::pair<LockRole, int32_t>>{
                            {LockRole::HOLDER, 1}, {LockRole::HOLDER, 2}, {LockRole::HOLDER, 0}});
}

TEST_CASE("a lock that is being handed over has waiters and no holder") {
  FakeKernel kernel;
  const auto users = lock_users(kernel.kernel(), {runqueue_lock(kPending)}, moment(kernel, 2));
  CHECK(roles(users) == std::vector<std::pair<LockRole, int32_t>>{{LockRole::WAITER, -1}});
  CHECK(
      lock_users_text(users) ==
      "runqueue lock of CPU 3: nobody holds it just then, one CPU waits to be the next (observed)");
}

TEST_CASE("if no CPU could hold a lock, the text says so") {
  FakeKernel kernel;
  const auto users =
      lock_users(kernel.kernel(), {runqueue_lock(kLocked)}, moment(kernel, 2, {0, 1}));
  CHECK(roles(users) == std::vector<std::pair<LockRole, int32_t>>{{LockRole::HOLDER, -1}});
  CHECK_THAT(lock_users_text(users), ContainsSubstring("its holder is not known"));
  CHECK(roles(lock_users(kernel.kernel(), {runqueue_lock(kLocked)}, {})) == roles(users));
}

TEST_CASE("of many that may hold a lock the text names four, the list all") {
  FakeKernel kernel;
  const auto users = lock_users(kernel.kernel(), {runqueue_lock(kLocked)}, moment(kernel, 64));
  CHECK(users.size() == 64);
  CHECK_THAT(lock_users_text(users), ContainsSubstring(" or 60 more (inferred"));
  CHECK(lock_users_text(users).size() < 1000);
}

TEST_CASE("a name with control characters is escaped in the text") {
  FakeKernel kernel;
  StopMoment at = moment(kernel, 1);
  at.evidence.cpus[0].current_comm = "a\x1b[2J";
  CHECK(lock_users_text(lock_users(kernel.kernel(), {runqueue_lock(kLocked)}, at)).find('\x1b') ==
        std::string::npos);
}

TEST_CASE("two locks are described one after the other, and a sequence count has a writer") {
  FakeKernel kernel;
  const ProtectorSeen pi_lock{ProtectorKind::kPiLock, 0, kLocked, false};
  const ProtectorSeen count{ProtectorKind::kSeqcount, 0, 7, false, "jiffies_seq"};
  const auto users =
      lock_users(kernel.kernel(), {pi_lock, runqueue_lock(0), count}, moment(kernel, 1));
  CHECK_THAT(lock_users_text(users), StartsWith("pi_lock: may be held by CPU 0"));
  CHECK_THAT(lock_users_text(users), ContainsSubstring("; jiffies_seq: may be held by CPU 0"));
}
