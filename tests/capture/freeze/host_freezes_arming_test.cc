// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "tests/capture/freeze/host_freezes_fixture.h"

namespace ktape::test {

TEST_CASE_METHOD(HostFreezesFixture,
                 "a run whose trigger cannot be set up continues, and its tape says so") {
  load();
  freezes.triggers = {scx_error_};
  machine().fail_next_breakpoint(Error{ErrorCode::kHost, "no breakpoint", ""});
  hello();
  finish();
  std::vector<std::string> losses;
  read([&](schema::Record::Reader record) {
    if (!record.isSealed()) return;
    for (auto loss : record.getSealed().getLosses()) losses.push_back(loss.getName().cStr());
  });
  CHECK(losses == std::vector<std::string>{"freeze_triggers"});
  CHECK(triggers_sealed() == std::vector<std::string>{"scx-error not armed 0"});
}

TEST_CASE_METHOD(HostFreezesFixture, "one trigger that cannot be set up leaves the others armed") {
  load();
  freezes.triggers = {scx_error_, {"symbol:jiffies_64", "jiffies_64", 3, false}};
  machine().fail_next_breakpoint(Error{ErrorCode::kHost, "no breakpoint", ""});
  hello();
  stands_at("jiffies_64");
  breakpoint();
  finish();
  CHECK(freezes_seen().size() == 1);
  CHECK(triggers_sealed() ==
        std::vector<std::string>{"scx-error not armed 0", "symbol:jiffies_64 armed 1"});
}

TEST_CASE_METHOD(HostFreezesFixture, "a trigger without a hit is sealed as one without freezes") {
  load(kUnregistered);
  freezes.triggers = {scx_error_};
  hello();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  CHECK(triggers_sealed() == std::vector<std::string>{"scx-error armed 0"});
}

TEST_CASE_METHOD(HostFreezesFixture, "no trigger is armed on a kernel that is never adopted") {
  freezes.triggers = {scx_error_};
  hello();  // the fixture's own kernel is in no memory
  finish();
  CHECK(triggers_sealed() == std::vector<std::string>{"scx-error not armed 0"});
}

TEST_CASE_METHOD(HostFreezesFixture,
                 "a trigger is armed after the attachment, or at a step, and not before") {
  scenario(
      "(name = \"t\", steps = [(name = \"a\", actions = [(sleepMs = 1)]), (name = \"b\", actions = "
      "[(sleepMs "
      "= 1)])])");
  load();
  const auto later = [](const char* name, schema::TriggerArming arming, uint32_t step) {
    return FreezeTrigger{"symbol:" + std::string(name), name, 3, false, arming, step};
  };
  freezes.triggers = {later("jiffies_64", schema::TriggerArming::ATTACH, 0),
                      later("scx_error_irq_workfn", schema::TriggerArming::STEP, 1)};
  hello();
  stand_at({"jiffies_64", "scx_error_irq_workfn"});
  breakpoint();
  attached();
  breakpoint();
  attached();  // another one
  step_started(0, "a");
  step_started(1, "b");
  breakpoint();
  step_started(1, "b");  // a guest may say anything
  finish();
  CHECK(changes() == std::vector<std::string>{
                         "attached", "symbol:jiffies_64 armed", "freeze 1", "attached", "step 0",
                         "step 1", "symbol:scx_error_irq_workfn armed", "freeze 2", "step 1"});
  CHECK(freezes_seen()[0].hits.size() == 1);
  CHECK(freezes_seen()[1].hits.size() == 2);
  CHECK(ready_steps == std::vector<uint32_t>{0, 1, 1});
}

TEST_CASE_METHOD(HostFreezesFixture,
                 "a trigger whose time never comes is sealed as one that was not set up") {
  load();
  freezes.triggers = {
      {"symbol:jiffies_64", "jiffies_64", 3, false, schema::TriggerArming::ATTACH, 0}};
  hello();
  finish();
  CHECK(triggers_sealed() == std::vector<std::string>{"symbol:jiffies_64 not armed 0"});
  CHECK(machine().breakpoints().empty());
}

}  // namespace ktape::test
