// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/freeze_triggers.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/kernel/btf_builder.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

KernelKnowledge kernel(bool sched_ext = true) {
  BtfBuilder types;
  const int word = types.integer("int", 4);
  if (sched_ext) {
    types.structure("sched_ext_ops", 4, {{"timeout_ms", word, 0}});
    types.structure("sched_ext_entity", 4, {{"weight", word, 0}});
  }
  std::string symbols =
      "ffffffff81000000 T _text\n"
      "ffffffff81000100 T schedule\n"
      "ffffffff81000110 t __pfx_helper\n"
      "ffffffff81000120 t helper\n"
      "ffffffff81000130 t twin\n"
      "ffffffff81000140 t twin\n"
      "ffffffff81000150 t one\n"
      "ffffffff81000160 t two\n"
      "ffffffff81000170 t three\n";
  if (sched_ext) {
    symbols +=
        "ffffffff81000180 t scx_error_irq_workfn\n"
        "ffffffff81000190 t scx_sched_free_rcu_work\n";
  }
  symbols += "ffffffff82000000 D jiffies_64\n";
  KernelKnowledge knowledge{.release = "6.99",
                            .symbols = must(SymbolTable::from_text(symbols)),
                            .btf = must(Btf::parse(types.bytes()))};
  return knowledge;
}

// A scenario with two steps, and a scheduler: "none", "vtime = ()", "external = (program = ...)".
LoadedScenario scenario_with(const std::string& scheduler, const std::string& more = "") {
  return must(
      parse_scenario("t.scenario", "(name = \"t\", scheduler = (" + scheduler + "),\n" + more +
                                       " steps = [(name = \"settle\", actions = [(sleepMs = 1)]),\n"
                                       "  (name = \"a@b*2\", actions = [(sleepMs = 1)])])"));
}

LoadedScenario scenario(bool external) {
  return scenario_with(external ? "external = (program = \"x\")" : "vtime = (sliceUs = 0)");
}

Result<std::vector<FreezeTrigger>> plan_triggers(const std::vector<std::string>& freeze_on,
                                                 const KernelKnowledge& kernel, bool external) {
  return ktape::plan_triggers(freeze_on, kernel, scenario(external).get());
}

std::string text_of(const Error& error) { return error.message + "|" + error.hint; }

std::string refusal(const std::vector<std::string>& freeze_on, bool sched_ext = true,
                    bool external = false) {
  const Result<std::vector<FreezeTrigger>> plan =
      plan_triggers(freeze_on, kernel(sched_ext), external);
  REQUIRE_FALSE(plan.ok());
  CHECK(plan.error().code == ErrorCode::kUsage);
  return plan.error().message + "|" + plan.error().hint;
}

}  // namespace

TEST_CASE("the result of a trigger is described in a few words") {
  CHECK(TriggerCount{"symbol:schedule", true, 1}.text() == "symbol:schedule: once");
  CHECK(TriggerCount{"symbol:schedule", true, 3, 3}.text() == "symbol:schedule: 3 times");
  CHECK(TriggerCount{"symbol:schedule", true, 64, 100}.text() ==
        "symbol:schedule: 100 hits in 64 freezes");
  CHECK(TriggerCount{"symbol:schedule", true, 1, 2}.text() ==
        "symbol:schedule: 2 hits in 1 freeze");
  CHECK(TriggerCount{"symbol:schedule", true, 3}.text() == "symbol:schedule: 3 times");
  CHECK(TriggerCount{"symbol:schedule", true, 0}.text() ==
        "symbol:schedule: never, it was not entered");
  CHECK(TriggerCount{"symbol:schedule", false, 0}.text() ==
        "symbol:schedule: never, it was not set up");
  CHECK(TriggerCount{"scx-error", true, 0}.text() == "scx-error: never");
}

TEST_CASE("by default a run freezes on scheduler errors") {
  const auto plan = must(plan_triggers({}, kernel(), false));
  REQUIRE(plan.size() == 1);
  CHECK(plan[0].name == "scx-error");
  CHECK(plan[0].function == "scx_error_irq_workfn");
  CHECK(plan[0].scx_error);
  CHECK(must(plan_triggers({"none"}, kernel(), false)).empty());
}

TEST_CASE("on a kernel without sched_ext it is left out, unless it was asked for") {
  CHECK(must(plan_triggers({}, kernel(false), false)).empty());
  CHECK(refusal({"scx-error"}, false) ==
        "kernel 6.99 has no scheduler exit to freeze on: no sched_ext|");
}

TEST_CASE("a function freezes once, or as often as requested") {
  const auto plan =
      must(plan_triggers({"none", "symbol:schedule", "symbol:helper*7"}, kernel(), false));
  REQUIRE(plan.size() == 2);
  CHECK(plan[0].name == "symbol:schedule");
  CHECK(plan[0].times == 1);
  CHECK(plan[1].function == "helper");
  CHECK(plan[1].times == 7);
}

TEST_CASE("a trigger that cannot work is refused before the boot") {
  CHECK(refusal({"symbol:shcedule"}) ==
        "kernel 6.99 has no function 'shcedule'|did you mean 'schedule'?");
  CHECK(refusal({"symbol:jiffies_64"}) == "'jiffies_64' is data, not a function|");
  CHECK(refusal({"symbol:__pfx_helper"}) == "'__pfx_helper' is padding, which is never executed|");
  CHECK(refusal({"symbol:twin"}) ==
        "kernel 6.99 has 2 symbols named 'twin': the name is ambiguous|");
  CHECK(refusal({"symbol:helper*0"}) ==
        "'symbol:helper*0': '*' must be followed by a count from 1 to 1000|");
  CHECK(refusal({"symbol:helper@attach*5"}) ==
        "'symbol:helper@attach*5': the count must come before '@'|write 'symbol:helper*5@attach'");
  CHECK(refusal({"symbol:helper*x"}) ==
        "'symbol:helper*x': '*' must be followed by a count from 1 to 1000|");
  CHECK(refusal({"panic"}) ==
        "'panic' is not a freeze trigger|use 'scx-error', 'symbol:NAME' or 'symbol:NAME*N', "
        "optionally with '@attach' or '@step:NAME', or 'none'");
  CHECK(refusal({"none", "scx-error"}) ==
        "'--freeze-on none' and '--freeze-on scx-error' contradict each other|");
  CHECK(refusal({"symbol:helper", "symbol:helper*2"}) == "'symbol:helper' is given twice|");
}

TEST_CASE(
    "a processor has four breakpoints, and a shortage names who holds them and who gets none") {
  const std::vector<std::string> three = {"symbol:one", "symbol:two", "symbol:three"};
  CHECK(must(plan_triggers(three, kernel(), false)).size() == 4);
  CHECK(refusal({"symbol:one", "symbol:two", "symbol:three", "symbol:helper"}) ==
        "a CPU has 4 breakpoints, used by scx-error (scx_error_irq_workfn), symbol:one (one), "
        "symbol:two (two), symbol:three (three): none is left for symbol:helper "
        "(helper)|freeze on "
        "fewer functions, or omit scx-error with '--freeze-on none'");
  CHECK(refusal({"none", "symbol:one", "symbol:two", "symbol:three", "symbol:helper",
                 "symbol:schedule"}) ==
        "a CPU has 4 breakpoints, used by symbol:one (one), symbol:two (two), symbol:three "
        "(three), "
        "symbol:helper (helper): none is left for symbol:schedule (schedule)|freeze on fewer "
        "functions");
}

TEST_CASE(
    "an external scheduler's exit takes a breakpoint before scx-error and those of a user do") {
  CHECK(refusal({"symbol:one", "symbol:two", "symbol:three"}, true, true) ==
        "a CPU has 4 breakpoints, used by the exit of an external scheduler "
        "(scx_sched_free_rcu_work), "
        "scx-error (scx_error_irq_workfn), symbol:one (one), symbol:two (two): none is left for "
        "symbol:three "
        "(three)|freeze on fewer functions, or omit scx-error with '--freeze-on none'");
  CHECK(must(plan_triggers({"symbol:one", "symbol:two"}, kernel(), true)).size() == 3);
  CHECK(must(plan_triggers({"none", "symbol:one", "symbol:two", "symbol:three"}, kernel(), true))
            .size() == 3);
  // Where the kernel has no such function, none is set.
  CHECK(must(plan_triggers({"symbol:one", "symbol:two", "symbol:three", "symbol:helper"},
                           kernel(false), true))
            .size() == 4);
}

TEST_CASE("triggers of the same function share a breakpoint") {
  CHECK(must(plan_triggers({"symbol:scx_error_irq_workfn", "symbol:scx_sched_free_rcu_work",
                            "symbol:one", "symbol:two"},
                           kernel(), true))
            .size() == 5);
}

TEST_CASE("a trigger is armed once the kernel is adopted, or after the attachment, or at a step") {
  using schema::TriggerArming;
  const auto plan = must(plan_triggers(
      {"scx-error@attach", "symbol:one", "symbol:two*5@attach", "symbol:three@step:a@b*2"},
      kernel(), false));
  REQUIRE(plan.size() == 4);
  CHECK(plan[0].name == "scx-error");
  CHECK(plan[0].arming == TriggerArming::ATTACH);
  CHECK(plan[1].arming == TriggerArming::KERNEL_KNOWN);
  CHECK(plan[2].name == "symbol:two");
  CHECK(plan[2].times == 5);
  CHECK(plan[2].arming == TriggerArming::ATTACH);
  CHECK(plan[3].name == "symbol:three");
  CHECK(plan[3].times == 1);
  CHECK(plan[3].arming == TriggerArming::STEP);
  CHECK(plan[3].step == 1);
}

TEST_CASE("a trigger that could never be armed is refused") {
  CHECK(refusal({"symbol:one@settle"}) ==
        "'symbol:one@settle': '@' must be followed by 'attach' or 'step:NAME'|");
  CHECK(refusal({"symbol:one@step:setle"}) ==
        "'symbol:one@step:setle': the scenario has no step 'setle'|did you mean 'settle'?");
  const auto plan =
      ktape::plan_triggers({"symbol:one@attach"}, kernel(), scenario_with("none = void").get());
  REQUIRE_FALSE(plan.ok());
  CHECK(plan.error().message == "'symbol:one@attach': the scenario attaches no scheduler");
}

TEST_CASE("a scenario can set triggers like the command line, and the command line replaces them") {
  const std::string said =
      "freezes = (on = [\"none\", \"symbol:one*3@step:settle\"], everyMs = 20),\n";
  const LoadedScenario scenario = scenario_with("vtime = (sliceUs = 0)", said);
  using std::chrono::milliseconds;
  const FreezePlan plan = must(plan_freezes({}, milliseconds(0), kernel(), scenario));
  REQUIRE(plan.triggers.size() == 1);
  CHECK(plan.triggers[0].times == 3);
  CHECK(plan.triggers[0].arming == schema::TriggerArming::STEP);
  CHECK(plan.every == milliseconds(20));
  const FreezePlan other = must(plan_freezes({"symbol:two"}, milliseconds(5), kernel(), scenario));
  REQUIRE(other.triggers.size() == 2);
  CHECK(other.triggers[1].name == "symbol:two");
  CHECK(other.every == milliseconds(5));
}

TEST_CASE("a trigger of a scenario that cannot work is named with its place") {
  const auto refused = [](const std::string& on) {
    const Result<FreezePlan> plan =
        plan_freezes({}, std::chrono::milliseconds(0), kernel(),
                     scenario_with("vtime = (sliceUs = 0)", "freezes = (on = [" + on + "]),\n"));
    REQUIRE_FALSE(plan.ok());
    CHECK(plan.error().code == ErrorCode::kUsage);
    return text_of(plan.error());
  };
  CHECK(refused("\"none\", \"symbol:shcedule\"") ==
        "t.scenario:2:26: kernel 6.99 has no function 'shcedule'|did you mean 'schedule'?");
  CHECK(refused("\"symbol:one\", \"symbol:one*2\"") ==
        "t.scenario:2:17: 'symbol:one' is given twice|");
}

}  // namespace ktape::test
