// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/replay_check.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

void check_replay(const Captured& captured) {
  const ChildResult replay = run_built("ktape-replay", {captured.tape});
  INFO(replay.output);
  CHECK(replay.exit_status == 0);
  CHECK_THAT(replay.output, StartsWith("2 of 2 cold requests replayed: no differences\n"));
  // Otherwise some were retried, and those tries are compared too.
  if (captured.facts.tries == 2)
    CHECK_THAT(replay.output,
               ContainsSubstring("\ncompared: 4 entries, 27 gates, evidence of 2 freezes, "));

  const auto read = [&](const std::string& target) {
    return run_built("ktape-read", {captured.tape, "--at", "freeze:last", target});
  };
  const ChildResult parent = read("task:sleeper.parent->comm");
  CHECK(parent.exit_status == 0);
  CHECK_THAT(parent.output, StartsWith("task:sleeper.parent->comm = \"init\"\n"));
  const ChildResult tasks =
      read("(struct task_struct)init_task.tasks{list struct task_struct tasks 1000}.comm");
  CHECK(tasks.exit_status == 0);
  CHECK_THAT(tasks.output, ContainsSubstring("\"kthreadd\""));
  CHECK_THAT(tasks.output, ContainsSubstring("\"sleeper\""));
  CHECK_THAT(read("cpu0:runqueues.scx:whole").output, ContainsSubstring("\n  runnable_list = {\n"));
  // The scheduler has nothing to do with a task's address space.
  const ChildResult space = read("task:sleeper.mm->mmap_base");
  CHECK(space.exit_status == 77);
  CHECK_THAT(space.output, StartsWith("task:sleeper.mm->mmap_base: not captured\n"));
}

}  // namespace ktape::test
