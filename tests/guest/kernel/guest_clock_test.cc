// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/guest_clock.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

std::string clock_of(FakeKernel& fake) {
  const ClocksourceReader reader = must(ClocksourceReader::create(fake.kernel()));
  return must(reader.read(fake.memory()));
}

}  // namespace

TEST_CASE("the current clocksource is read by its name, each time again") {
  FakeKernel fake(FakeKernelShape{.clock = true});
  const ClocksourceReader reader = must(ClocksourceReader::create(fake.kernel()));
  CHECK_FALSE(reader.read(fake.memory()).ok());  // the kernel has chosen none yet
  fake.set_clocksource("kvm-clock");
  CHECK(must(reader.read(fake.memory())) == "kvm-clock");
  fake.set_clocksource("tsc");
  CHECK(must(reader.read(fake.memory())) == "tsc");
}

TEST_CASE("the name of a clocksource is bounded, and one that leads nowhere is an error") {
  FakeKernel fake(FakeKernelShape{.clock = true});
  fake.set_clocksource(std::string(60, 'c') + "1234567");
  CHECK(clock_of(fake) == std::string(60, 'c') + "1234");
  const GuestVirtual clocksource(fake.get(fake.symbol("curr_clocksource"), 8));
  fake.set(clocksource, "struct clocksource", "name", FakeKernel::kNoRam.value);
  CHECK_FALSE(must(ClocksourceReader::create(fake.kernel())).read(fake.memory()).ok());
  fake.put(fake.symbol("curr_clocksource"), 0x1234, 8);
  CHECK_FALSE(must(ClocksourceReader::create(fake.kernel())).read(fake.memory()).ok());
}

TEST_CASE("a kernel that does not report its clocksource is recorded as such") {
  const FakeKernel fake;
  const auto reader = ClocksourceReader::create(fake.kernel());
  REQUIRE_FALSE(reader.ok());
  CHECK(reader.error().code == ErrorCode::kNotFound);
}

TEST_CASE("the time until a lockup is reported follows from the kernel's own settings") {
  FakeKernel fake(FakeKernelShape{.clock = true});
  fake.put(fake.symbol("watchdog_thresh"), 10, 4);
  fake.put(fake.symbol("rcu_cpu_stall_timeout"), 21, 4);
  const auto thresholds = [&] { return read_lockup_thresholds(fake.kernel(), fake.memory()); };
  CHECK(thresholds().soft_lockup_ms == 0);  // it is switched off
  CHECK(thresholds().rcu_stall_ms == 21'000);
  fake.put(fake.symbol("watchdog_enabled"), 2, 8);
  fake.put(fake.symbol("rcu_cpu_stall_suppress"), 1, 4);
  CHECK(thresholds().soft_lockup_ms == 20'000);
  CHECK(thresholds().rcu_stall_ms == 0);
  const FakeKernel silent;
  CHECK(read_lockup_thresholds(silent.kernel(), FakeKernel().memory()).soft_lockup_ms == 0);
}

}  // namespace ktape::test
