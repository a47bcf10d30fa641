// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/check.h"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "tests/schema/scenario/scenario_texts.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("a scenario needs a name and a step with an action") {
  CHECK(complaint("(steps = [])") == "x:1:1: the scenario has no name; ");
  CHECK_THAT(complaint("(name = \"../x\", steps = [(name = \"s\", actions = [(sleepMs = 1)])])"),
             ContainsSubstring("a scenario's name cannot contain '/'"));
  CHECK_THAT(complaint(scenario("", kWorker, "")),
             ContainsSubstring("x:5:9: the scenario has no steps"));
  CHECK_THAT(complaint(scenario("", kWorker, "(name = \"s\")")),
             ContainsSubstring("the step has no actions"));
  CHECK_THAT(complaint(with_action("")),
             ContainsSubstring("x:6:1: the action is empty; give one of: sleepMs"));
}

TEST_CASE("a run watchdog that ends every run is refused") {
  CHECK_THAT(complaint(scenario("durationMs = 5000, watchdogMs = 5000,")),
             ContainsSubstring("x:3:14: the run watchdog would end the run after 5000 ms"));
}

// A step of 90 s under the default watchdog of 60 s once booted, and the run ended after a minute.
TEST_CASE(
    "steps that surely last longer than the run watchdog allows are refused with their place") {
  CHECK(complaint("(name = \"s\", steps = [\n(name = \"a\", actions = [(sleepMs = 90000)])])") ==
        "x:2:25: the run watchdog would end the run after 60000 ms, but the steps up to here take "
        "90000 ms; "
        "make watchdogMs longer than that; it is 60000 by default");
  CHECK(complaint("(name = \"s\", watchdogMs = 100, steps = [\n(name = \"a\", actions = [(sleepMs "
                  "= 60)]),\n"
                  "(name = \"b\", actions = [(sleepMs = 10), (sleepMs = 30)])])") ==
        "x:3:41: the run watchdog would end the run after 100 ms, but the steps up to here take "
        "100 ms; make watchdogMs longer than that; it is 100");
  // A hold lasts to the end of durationMs, and the steps before it are part of that.
  const std::string hold =
      "(name = \"s\", watchdogMs = 100, durationMs = 90, steps = [(name = \"a\", actions = [";
  CHECK(complaint(hold + "(sleepMs = 80), (hold = void)])])") == "no error");
  CHECK_THAT(complaint(hold + "(hold = void), (sleepMs = 20)])])"),
             ContainsSubstring("take 110 ms"));
}

TEST_CASE(
    "steps that may take less than the watchdog allows are not refused, nor steps after a panic") {
  const std::string start =
      "(name = \"s\", watchdogMs = 100, workers = [(name = \"w\", phases = [(spinMs = 1)])], ";
  CHECK(
      complaint(
          start +
          "steps = [(name = \"a\", actions = [(wait = (worker = \"w\", deadlineMs = 5000))])])") ==
      "no error");
  CHECK(
      complaint(start + "steps = [(name = \"a\", actions = [(panic = void), (sleepMs = 500)])])") ==
      "no error");
}

TEST_CASE("a duration of more than a week is refused") {
  CHECK_THAT(complaint(with_action("sleepMs = 604800001")),
             ContainsSubstring("the limit is one week"));
  CHECK_THAT(complaint(scenario("", "(name = \"w\", phases = [(spinMs = 18446744073709551615)])")),
             ContainsSubstring("'spinMs' is 18446744073709551615 ms"));
}

TEST_CASE("a report is of a worker that exists") {
  CHECK(complaint(with_action("report = (worker = \"sleeper\")")) == "no error");
  CHECK_THAT(complaint(with_action("report = (worker = \"slepper\")")),
             ContainsSubstring("there is no worker 'slepper'; did you mean 'sleeper'?"));
}

TEST_CASE("a stall timeout that the kernel would not accept is refused") {
  CHECK_THAT(complaint(scenario("scheduler = (vtime = (timeoutMs = 30001)),")),
             ContainsSubstring("at most 30000 ms"));
}

TEST_CASE("a time for a fault that is not set is refused") {
  CHECK_THAT(complaint(scenario("scheduler = (vtime = (faultAfterMs = 1)),")),
             ContainsSubstring("'faultAfterMs' needs a 'fault'"));
}

TEST_CASE("worker names are unique, not empty and fit a task's name") {
  CHECK_THAT(complaint(scenario("", fmt::format("{},\n{}", kWorker, kWorker))),
             ContainsSubstring("x:5:9: the worker 'sleeper' already exists"));
  CHECK_THAT(complaint(scenario("", "(phases = [(sleepMs = 1)])")),
             ContainsSubstring("has no name"));
  CHECK_THAT(complaint(scenario("", "(name = \"0123456789abcdef\", phases = [(sleepMs = 1)])")),
             ContainsSubstring("has 16 bytes; the kernel keeps only 15"));
  CHECK_THAT(complaint(scenario("", "(name = \"a\\n\", phases = [(sleepMs = 1)])")),
             ContainsSubstring("a worker cannot be named 'a\\n'"));
}

TEST_CASE("a worker's name cannot be mistaken for anything else on a command line") {
  const auto named = [](const std::string& name) {
    return complaint(scenario("", fmt::format("(name = \"{}\", phases = [(sleepMs = 1)])", name)));
  };
  for (const char* name : {"a", "rt-hog", "W_2", "x9"}) CHECK(named(name) == "no error");
  for (const char* name :
       {"12", "1a", "-a", "_a", "a b", "a.b", "a->b", "a:b", "a'b", "a) R 1", "w\u00e4"}) {
    CAPTURE(name);
    CHECK_THAT(named(name), ContainsSubstring("x:4:20: a worker cannot be named '") &&
                                ContainsSubstring("begin with a letter"));
  }
}

TEST_CASE("a scenario's name is a valid file name") {
  const auto named = [](const std::string& name) {
    return complaint(
        fmt::format("(name = \"{}\", workers = [{}], steps = [{}])", name, kWorker, kStep));
  };
  for (const char* name : {"a", "reads-1.2", "7_runs"}) CHECK(named(name) == "no error");
  for (const char* name : {".hidden", "-o", "a b", "a\\nb", "a|b", "\u00e4"}) {
    CAPTURE(name);
    CHECK_THAT(named(name), ContainsSubstring("x:1:9: a scenario cannot be named '"));
  }
}

TEST_CASE("a step's name and a tag have only visible characters") {
  CHECK_THAT(complaint(scenario("", kWorker, "(name = \"a\\tb\", actions = [(sleepMs = 1)])")),
             ContainsSubstring("'a\\tb' cannot be a step's name"));
  CHECK(complaint(scenario("", kWorker, "(name = \"let it run\", actions = [(sleepMs = 1)])")) ==
        "no error");
  const auto tagged = [](const std::string& tag) {
    return complaint(
        scenario("", kWorker,
                 fmt::format("(name = \"s\", actions = [(op = (entry = (tag = \"{}\", target = "
                             "(symbol = \"jiffies\"), read = u64)))])",
                             tag)));
  };
  CHECK(tagged("cpu0 rq->nr_running[1]") == "no error");
  for (const char* tag : {"a\\nb", " a", "a ", "it's", "\\x1b[2J"}) {
    CAPTURE(tag);
    CHECK_THAT(tagged(tag), ContainsSubstring("cannot be a tag"));
  }
}

TEST_CASE("priorities belong to real-time policies and end at 99") {
  CHECK_THAT(complaint(scenario("agentPriority = 100,")),
             ContainsSubstring("agentPriority 100 is not between 1 and 99"));
  CHECK_THAT(complaint(with_worker("policy = rr, priority = 100")),
             ContainsSubstring("priority 100 is not between 1 and 99"));
  CHECK_THAT(complaint(with_worker("policy = batch, priority = 1")),
             ContainsSubstring("'priority' is for policies fifo and rr only"));
  CHECK_THAT(
      complaint(with_action("setPolicy = (worker = \"sleeper\", policy = fifo, priority = 100)")),
      ContainsSubstring("priority 100 is not between 1 and 99"));
}

TEST_CASE("nice values belong to fair policies and go from -20 to 19") {
  CHECK_THAT(complaint(with_worker("nice = 20")),
             ContainsSubstring("nice 20 is not between -20 and 19"));
  CHECK_THAT(complaint(with_worker("policy = fifo, nice = 1")),
             ContainsSubstring("'nice' is for policies"));
  CHECK(complaint(with_worker("policy = ext, nice = -20")) == "no error");
}

TEST_CASE("an affinity to a CPU that the machine does not have is refused at that CPU") {
  CHECK_THAT(complaint(with_worker("cpus = [1, 2]")),
             ContainsSubstring(
                 "CPU 2 does not exist: the machine has 2; CPUs count from 0; the last is 1"));
}

TEST_CASE("a worker without phases, or with one of no length, is refused") {
  CHECK_THAT(complaint(scenario("", "(name = \"w\")")),
             ContainsSubstring("the worker has no phases"));
  CHECK_THAT(complaint(scenario("", "(name = \"w\", phases = [(spinMs = 0)])")),
             ContainsSubstring("a phase lasts at least 1 ms"));
}

TEST_CASE("a worker that is not declared is named with the nearest one") {
  CHECK_THAT(complaint(with_action("wait = (worker = \"sleepr\", state = sleeping)")),
             ContainsSubstring("x:6:19: there is no worker 'sleepr'; did you mean 'sleeper'?"));
  CHECK_THAT(complaint(with_action("signal = (worker = \"other\", signal = 9)")),
             ContainsSubstring("there is no worker 'other'"));
  CHECK_THAT(complaint(with_op("task = (worker = \"sleeperx\")", "read = u64")),
             ContainsSubstring("there is no worker 'sleeperx'"));
  CHECK_THAT(complaint(with_action("wait = (state = running)")),
             ContainsSubstring("'worker' is missing: name the worker"));
}

TEST_CASE("a signal that does not exist is refused") {
  CHECK_THAT(complaint(with_action("signal = (worker = \"sleeper\", signal = 65)")),
             ContainsSubstring("signal 65 is not between 1 and 64"));
}

TEST_CASE("hold needs a duration") {
  CHECK_THAT(complaint(with_action("hold = void")),
             ContainsSubstring("'hold' lasts until durationMs is over"));
}

TEST_CASE("a retry time is not negative, nor longer than the run may last") {
  CHECK_THAT(complaint(scenario("retryMs = -2,")),
             ContainsSubstring("'retryMs' is -2, which is negative"));
  CHECK_THAT(complaint(scenario("retryMs = 60000,")),
             ContainsSubstring(
                 "the run watchdog would end the run after 60000 ms, before an op was retried"));
  CHECK_THAT(complaint(with_action(
                 "op = (mode = hot, retryMs = 5, entry = (tag = \"t\", target = (symbol = "
                 "\"jiffies_64\"), read = u64))")),
             ContainsSubstring("a hot read is not retried"));
}

TEST_CASE("tags are given") {
  CHECK_THAT(complaint(with_action("op = (entry = (target = (symbol = \"a\"), read = u64))")),
             ContainsSubstring("an op needs a 'tag'"));
}

}  // namespace ktape::test
