// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze_triggers.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/btf_builder.h"
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

std::string refusal(const std::vector<std::string>& freeze_on, bool sched_ext = true, bool external = false) {
  const Result<std::vector<FreezeTrigger>> plan = plan_triggers(freeze_on, kernel(sched_ext), external);
  REQUIRE_FALSE(plan.ok());
  CHECK(plan.error().code == ErrorCode::kUsage);
  return plan.error().message + "|" + plan.error().hint;
}

}  // namespace

TEST_CASE("what became of a trigger is said in a few words") {
  CHECK(TriggerCount{"symbol:schedule", true, 1}.text() == "symbol:schedule: once");
  CHECK(TriggerCount{"symbol:schedule", true, 3}.text() == "symbol:schedule: 3 times");
  CHECK(TriggerCount{"symbol:schedule", true, 0}.text() == "symbol:schedule: never, it was not entered");
  CHECK(TriggerCount{"symbol:schedule", false, 0}.text() == "symbol:schedule: never, it was not set up");
  CHECK(TriggerCount{"scx-error", true, 0}.text() == "scx-error: never");
}

TEST_CASE("without being told, a run freezes on scheduler errors") {
  const auto plan = must(plan_triggers({}, kernel(), false));
  REQUIRE(plan.size() == 1);
  CHECK(plan[0].name == "scx-error");
  CHECK(plan[0].function == "scx_error_irq_workfn");
  CHECK(plan[0].scx_error);
  CHECK(must(plan_triggers({"none"}, kernel(), false)).empty());
}

TEST_CASE("on a kernel without sched_ext it is left out, unless it was asked for") {
  CHECK(must(plan_triggers({}, kernel(false), false)).empty());
  CHECK(refusal({"scx-error"}, false) == "kernel 6.99 has no scheduler exit to freeze on: no sched_ext|");
}

TEST_CASE("a function is frozen on once, or as often as is said") {
  const auto plan = must(plan_triggers({"none", "symbol:schedule", "symbol:helper*7"}, kernel(), false));
  REQUIRE(plan.size() == 2);
  CHECK(plan[0].name == "symbol:schedule");
  CHECK(plan[0].times == 1);
  CHECK(plan[1].function == "helper");
  CHECK(plan[1].times == 7);
}

TEST_CASE("what cannot be frozen on is refused before anything boots") {
  CHECK(refusal({"symbol:shcedule"}) == "kernel 6.99 has no function 'shcedule'|did you mean 'schedule'?");
  CHECK(refusal({"symbol:jiffies_64"}) == "'jiffies_64' is data, not a function|");
  CHECK(refusal({"symbol:__pfx_helper"}) == "'__pfx_helper' is padding, which is never executed|");
  CHECK(refusal({"symbol:twin"}) ==
        "kernel 6.99 has 2 symbols named 'twin': one cannot be told from the others|");
  CHECK(refusal({"symbol:helper*0"}) == "'symbol:helper*0': what follows '*' is how often, 1 to 1000|");
  CHECK(refusal({"symbol:helper*x"}) == "'symbol:helper*x': what follows '*' is how often, 1 to 1000|");
  CHECK(refusal({"panic"}) ==
        "'panic' is nothing to freeze on|it is 'scx-error', 'symbol:NAME', 'symbol:NAME*N' or 'none'");
  CHECK(refusal({"none", "scx-error"}) ==
        "'--freeze-on none' and '--freeze-on scx-error' contradict each other|");
  CHECK(refusal({"symbol:helper", "symbol:helper*2"}) ==
        "'symbol:helper' and 'symbol:helper' are the same function, 'helper'|");
  CHECK(refusal({"symbol:one", "symbol:two", "symbol:three", "symbol:helper"}) ==
        "5 functions to freeze on, and a processor has breakpoints for 4|scx-error is one of them; "
        "'--freeze-on none' leaves it out");
  CHECK(refusal({"none", "symbol:one", "symbol:two", "symbol:three", "symbol:helper", "symbol:schedule"}) ==
        "5 functions to freeze on, and a processor has breakpoints for 4|");
}

TEST_CASE("an external scheduler's exit takes a breakpoint, also from scx-error and those of a user") {
  const std::vector<std::string> three = {"symbol:one", "symbol:two", "symbol:three"};
  CHECK(must(plan_triggers(three, kernel(), false)).size() == 4);
  CHECK(refusal(three, true, true) ==
        "4 functions to freeze on, and a processor has breakpoints for 3 beside the exit of an external "
        "scheduler|scx-error is one of them; '--freeze-on none' leaves it out");
  CHECK(must(plan_triggers({"symbol:one", "symbol:two"}, kernel(), true)).size() == 3);
  CHECK(must(plan_triggers({"none", "symbol:one", "symbol:two", "symbol:three"}, kernel(), true)).size() ==
        3);
  CHECK(refusal({"symbol:scx_sched_free_rcu_work"}, true, true) ==
        "'symbol:scx_sched_free_rcu_work': the exit of an external scheduler is read at that function|");
  CHECK(must(plan_triggers({"symbol:scx_sched_free_rcu_work"}, kernel(), false)).size() == 2);
  // Where the kernel has no such function, none is set.
  CHECK(
      must(plan_triggers({"symbol:one", "symbol:two", "symbol:three", "symbol:helper"}, kernel(false), true))
          .size() == 4);
}

}  // namespace ktape::test
