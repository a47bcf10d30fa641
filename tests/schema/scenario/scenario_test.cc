// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "schema/scenario/load.h"
#include "schema/target/target_path.h"

using Catch::Matchers::ContainsSubstring;

namespace ktape {

namespace {

constexpr char kWorker[] = "(name = \"sleeper\", phases = [(sleepMs = 1000)])";
constexpr char kStep[] = "(name = \"s\", actions = [(sleepMs = 1)])";

// A scenario whose text is good except for what the test inserts.
std::string scenario(std::string_view extra, std::string_view workers = kWorker,
                     std::string_view steps = kStep) {
  return fmt::format("(\nname = \"t\",\n{}\nworkers = [{}],\nsteps = [{}],\n)", extra, workers,
                     steps);
}

std::string with_worker(std::string_view fields) {
  return scenario("", fmt::format("(name = \"w\", phases = [(sleepMs = 1)], {})", fields));
}

std::string with_action(std::string_view action) {
  return scenario("", kWorker, fmt::format("(actions = [\n({})])", action));
}

std::string with_op(std::string_view target, std::string_view value,
                    std::string_view mode = "cold") {
  return with_action(fmt::format("op = (mode = {}, entry = (tag = \"t\", target = ({}), {}))", mode,
                                 target, value));
}

// Message and hint of the error for text that must not load.
std::string complaint(std::string text) {
  auto loaded = parse_scenario("x", std::move(text));
  if (loaded.ok()) return "no error";
  CHECK(loaded.error().code == ErrorCode::kUsage);
  return loaded.error().message + "; " + loaded.error().hint;
}

constexpr char kTask[] = "task = (worker = \"sleeper\"), path = \"scx.dsq_vtime\"";

}  // namespace

TEST_CASE("defaults that the schema names are filled in") {
  auto loaded = parse_scenario("x", scenario("scheduler = (vtime = ()),"));
  REQUIRE(loaded.ok());
  auto read = loaded->get();
  CHECK(read.getWatchdogMs() == 60'000);
  CHECK(read.getBootDeadlineMs() == 0);  // it depends on the accelerator
  CHECK(read.getAgentPriority() == 99);
  CHECK(read.getMachine().getCpus() == 2);
  CHECK(read.getMachine().getMemoryMb() == 512);
  CHECK(read.getScheduler().getVtime().getSliceUs() == 20'000);
  CHECK(read.getScheduler().getVtime().getTimeoutMs() == 30'000);
}

TEST_CASE("a value that is given is not replaced by its default") {
  auto loaded = parse_scenario("x", scenario("machine = (cpus = 4), watchdogMs = 5,"));
  REQUIRE(loaded.ok());
  CHECK(loaded->get().getMachine().getCpus() == 4);
  CHECK(loaded->get().getWatchdogMs() == 5);
}

TEST_CASE("a wait has a deadline of 30 s by default") {
  auto loaded = parse_scenario("x", with_action("wait = (worker = \"sleeper\")"));
  REQUIRE(loaded.ok());
  CHECK(loaded->get().getSteps()[0].getActions()[0].getWait().getDeadlineMs() == 30'000);
}

TEST_CASE("a wait for the scheduler's program has a deadline of 30 s by default") {
  auto loaded = parse_scenario("x", with_action("waitProgram = ()"));
  REQUIRE(loaded.ok());
  CHECK(loaded->get().getSteps()[0].getActions()[0].getWaitProgram().getDeadlineMs() == 30'000);
  CHECK_THAT(complaint(with_action("waitProgram = (deadlineMs = 999999999)")),
             ContainsSubstring("'deadlineMs' is 999999999 ms; the limit is one week"));
}

TEST_CASE("a real-time worker has priority 1 by default") {
  auto loaded = parse_scenario("x", with_worker("policy = fifo"));
  REQUIRE(loaded.ok());
  CHECK(loaded->get().getWorkers()[0].getPriority() == 1);
}

TEST_CASE("target paths are parsed into steps") {
  auto loaded = parse_scenario("x", with_op(kTask, "read = u64"));
  REQUIRE(loaded.ok());
  auto target = loaded->get().getSteps()[0].getActions()[0].getOp().getEntry().getTarget();
  auto steps = read_steps(target);
  REQUIRE(steps.ok());
  CHECK(steps.value() == std::vector<PathStep>{MemberStep{"scx"}, MemberStep{"dsq_vtime"}});
}

TEST_CASE("the text of a scenario is kept as it was") {
  std::string text = scenario("# a comment\n");
  auto loaded = parse_scenario("x", text);
  REQUIRE(loaded.ok());
  CHECK(loaded->text() == text);
}

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

TEST_CASE("a target path that does not parse is refused at its place") {
  CHECK_THAT(
      complaint(with_op("task = (worker = \"sleeper\"), path = \"scx..vtime\"", "read = u64")),
      ContainsSubstring("x:6:87: ") && ContainsSubstring("scx..vtime"));
}

TEST_CASE("the author of a scenario cannot set the steps of a target") {
  CHECK_THAT(complaint(with_op("symbol = \"jiffies_64\", steps = []", "read = u64")),
             ContainsSubstring("'steps' is set by ktape"));
}

TEST_CASE("an op needs a target, and a read or a write") {
  CHECK_THAT(complaint(with_op("", "read = u64")), ContainsSubstring("an op needs a target"));
  CHECK_THAT(complaint(with_op(kTask, "")), ContainsSubstring("an op needs 'read' or 'write'"));
}

TEST_CASE("a task without a worker needs pid and start time") {
  CHECK_THAT(complaint(with_op("task = (pid = 5)", "read = u64")),
             ContainsSubstring("'pid' and 'startBoottimeNs' together"));
  CHECK(complaint(with_op("task = (pid = 5, startBoottimeNs = 10000000)", "read = u64")) ==
        "no error");
}

TEST_CASE("a per-CPU target needs a symbol and a CPU of the machine") {
  CHECK_THAT(complaint(with_op("perCpu = (symbol = \"runqueues\", cpu = 2)", "read = u64")),
             ContainsSubstring("CPU 2 does not exist: the machine has 2"));
  CHECK_THAT(complaint(with_op("perCpu = (cpu = 0)", "read = u64")),
             ContainsSubstring("'perCpu' needs a symbol"));
}

TEST_CASE("an address of 0 is refused") {
  CHECK_THAT(complaint(with_op("virtual = (type = \"struct rq\")", "read = u64")),
             ContainsSubstring("an address other than 0"));
}

TEST_CASE("the type of what is at an address is not a pointer") {
  CHECK_THAT(complaint(with_op("virtual = (address = 4096, type = \"struct rq *\")", "read = u64")),
             ContainsSubstring("'virtual' needs the type of the object there"));
}

TEST_CASE("a read of bytes needs a length, and no other read takes one") {
  CHECK_THAT(complaint(with_op(kTask, "read = bytes")),
             ContainsSubstring("needs a 'length' from 1"));
  CHECK_THAT(complaint(with_op(kTask, "read = u64, length = 8")),
             ContainsSubstring("'read = bytes' only"));
}

TEST_CASE("a plain symbol is read with a width given by the author") {
  CHECK_THAT(complaint(with_op("symbol = \"jiffies_64\"", "read = auto")),
             ContainsSubstring("the kernel does not record the type of 'jiffies_64'"));
}

TEST_CASE("a write needs a value and a single target") {
  CHECK_THAT(complaint(with_op(kTask, "write = ()")), ContainsSubstring("a write needs a value"));
  CHECK_THAT(complaint(with_op(kTask, "write = (bytes = \"\")")),
             ContainsSubstring("1 to 65536 bytes"));
  CHECK_THAT(
      complaint(with_op("perCpu = (symbol = \"runqueues\"), path = \"cfs_tasks{list task_struct "
                        "se.group_node 5}\"",
                        "write = (u64 = 1)")),
      ContainsSubstring("a write cannot walk a list"));
}

TEST_CASE("bits to set need a width and a mask within it") {
  CHECK_THAT(complaint(with_op(kTask, "write = (setBits = (width = 3, mask = 1))")),
             ContainsSubstring("1, 2, 4 or 8"));
  CHECK_THAT(complaint(with_op(kTask, "write = (clearBits = (width = 1, mask = 256))")),
             ContainsSubstring("'mask' has bits beyond its 1 bytes"));
  CHECK_THAT(complaint(with_op(kTask, "write = (setBits = (width = 8))")),
             ContainsSubstring("'mask' is 0"));
}

TEST_CASE("a hot write is refused") {
  CHECK_THAT(complaint(with_op("symbol = \"jiffies_64\"", "write = (u64 = 1)", "hot")),
             ContainsSubstring("a write cannot be hot"));
}

TEST_CASE("a hot read takes one small value of a symbol or per-CPU variable") {
  CHECK_THAT(complaint(with_op(kTask, "read = u64", "hot")),
             ContainsSubstring("a symbol or a per-CPU"));
  CHECK_THAT(complaint(with_op("symbol = \"a\"", "read = bytes, length = 4", "hot")),
             ContainsSubstring("one value of at most 8 bytes"));
  CHECK(complaint(with_op("symbol = \"jiffies_64\"", "read = u64", "hot")) == "no error");
}

TEST_CASE("an op is retried for its own time, or the scenario's, or one second") {
  const auto retry_of = [](std::string_view scenario_says, std::string_view op_says) {
    const std::string op = fmt::format(
        "op = ({} entry = (tag = \"t\", target = (symbol = \"jiffies_64\"), read = u64))", op_says);
    const auto loaded = parse_scenario(
        "t", scenario(scenario_says, kWorker, fmt::format("(actions = [({})])", op)));
    REQUIRE(loaded.ok());
    return loaded->get().getSteps()[0].getActions()[0].getOp().getRetryMs();
  };
  CHECK(retry_of("", "") == 1000);
  CHECK(retry_of("retryMs = 30,", "") == 30);
  CHECK(retry_of("retryMs = 30,", "retryMs = 0,") == 0);
  CHECK(retry_of("watchdogMs = 500,", "") == 1000);
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

TEST_CASE("only a cold read of what something protects can be consistent") {
  CHECK_THAT(complaint(with_op("symbol = \"x\"", "write = (u64 = 1), consistent = true")),
             ContainsSubstring("'consistent' is for reads only"));
  CHECK_THAT(complaint(with_op("symbol = \"jiffies_64\"", "read = u64, consistent = true", "hot")),
             ContainsSubstring("a hot read cannot be consistent"));
  CHECK_THAT(complaint(with_op("symbol = \"x\"", "read = u64, consistent = true")),
             ContainsSubstring("ktape does not know what protects 'x'"));
  CHECK(parse_scenario("t", with_op("symbol = \"jiffies_64\"", "read = u64, consistent = true"))
            .ok());
}

TEST_CASE("an op is expected to be refused only by a gate that it has") {
  const auto expecting = [](std::string_view gate, std::string_view target, std::string_view value,
                            std::string_view mode = "cold") {
    return with_action(fmt::format(
        "op = (mode = {}, expect = (refused = {}), entry = (tag = \"t\", target = ({}), {}))", mode,
        gate, target, value));
  };
  constexpr std::string_view kTask = "task = (worker = \"sleeper\"), path = \"policy\"";
  constexpr std::string_view kRunqueue = "perCpu = (symbol = \"runqueues\"), path = \"nr_running\"";
  CHECK(parse_scenario("t", expecting("unlocked", kTask, "write = (u32 = 1)")).ok());
  CHECK(parse_scenario("t", expecting("alive", kTask, "read = u32")).ok());
  CHECK(parse_scenario("t", expecting("consistent", kRunqueue, "read = auto, consistent = true"))
            .ok());
  CHECK_THAT(complaint(expecting("unlocked", kTask, "read = u32")),
             ContainsSubstring("the gate 'unlocked' never refuses a read: it is only observed"));
  CHECK_THAT(complaint(expecting("alive", kRunqueue, "read = auto")),
             ContainsSubstring("only ops on tasks have the gate 'alive'"));
  CHECK_THAT(complaint(expecting("consistent", kRunqueue, "read = auto")),
             ContainsSubstring("gate 'consistent' refuses only reads with 'consistent = true'"));
  CHECK_THAT(complaint(expecting("notSaid", kTask, "write = (u32 = 1)")),
             ContainsSubstring("'refused' needs the name of a gate"));
  CHECK_THAT(complaint(expecting("pid", "symbol = \"jiffies_64\"", "read = u64", "hot")),
             ContainsSubstring("a hot read has no gates"));
  CHECK_THAT(complaint(expecting("unlokced", kTask, "write = (u32 = 1)")),
             ContainsSubstring("unlocked"));
}

TEST_CASE("tags are given and unique") {
  CHECK_THAT(complaint(with_action("op = (entry = (target = (symbol = \"a\"), read = u64))")),
             ContainsSubstring("an op needs a 'tag'"));
  std::string op = "(op = (entry = (tag = \"same\", target = (symbol = \"a\"), read = u64)))";
  CHECK_THAT(complaint(scenario("", kWorker, fmt::format("(actions = [{}, {}])", op, op))),
             ContainsSubstring("the tag 'same' is used already"));
}

}  // namespace ktape
