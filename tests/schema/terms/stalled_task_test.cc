// SPDX-License-Identifier: Apache-2.0
#include "schema/terms/stalled_task.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape::test {

TEST_CASE("the task that a stall names is taken from the exit's message, whatever its name is") {
  const auto stalled = [](std::string_view message) {
    const std::optional<StalledTask> task = stalled_task(message);
    return task ? task->comm + " " + std::to_string(task->pid.value) : "nobody";
  };
  CHECK(stalled("kworker/0:1[33] failed to run for 3.024s") == "kworker/0:1 33");
  CHECK(stalled("a[1]b[2][33] failed to run for 3.024s") == "a[1]b[2] 33");
  for (const char* message :
       {"", "[33] failed to run", "w[] failed to run for 1.0s", "w[x] failed to run for 1.0s",
        "w[0] failed to run for 1.0s", "w[-3] failed to run for 1.0s",
        "w[99999999999] failed to run for 1.0s", "] failed to run for 1.0s",
        "w[33 ] failed to run for 1.0s"}) {
    INFO(message);
    CHECK(stalled(message) == "nobody");
  }
}

TEST_CASE("the time that a task waited is taken from a message in the kernel's wording only") {
  const auto waited = [](const std::string& time) {
    return stalled_task("w[33] failed to run for " + time).value().waited_ms;
  };
  CHECK(waited("3.024s") == 3024);
  CHECK(waited("0.000s") == 0);
  for (const char* time : {"", "3s", "3.2s", "3.0240s", "x.024s", "-1.024s", "3.x"}) {
    INFO(time);
    CHECK_FALSE(waited(time));
  }
  CHECK(waited("18446744073709551615.999s") == UINT64_MAX);
}

}  // namespace ktape::test
