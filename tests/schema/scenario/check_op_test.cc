// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <string_view>

#include "tests/schema/scenario/scenario_texts.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

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
  constexpr std::string_view kPolicy = "task = (worker = \"sleeper\"), path = \"policy\"";
  constexpr std::string_view kRunqueue = "perCpu = (symbol = \"runqueues\"), path = \"nr_running\"";
  CHECK(parse_scenario("t", expecting("unlocked", kPolicy, "write = (u32 = 1)")).ok());
  CHECK(parse_scenario("t", expecting("alive", kPolicy, "read = u32")).ok());
  CHECK(parse_scenario("t", expecting("consistent", kRunqueue, "read = auto, consistent = true"))
            .ok());
  CHECK_THAT(complaint(expecting("unlocked", kPolicy, "read = u32")),
             ContainsSubstring("the gate 'unlocked' never refuses a read: it is only observed"));
  CHECK_THAT(complaint(expecting("alive", kRunqueue, "read = auto")),
             ContainsSubstring("only ops on tasks have the gate 'alive'"));
  CHECK_THAT(complaint(expecting("consistent", kRunqueue, "read = auto")),
             ContainsSubstring("gate 'consistent' refuses only reads with 'consistent = true'"));
  CHECK_THAT(complaint(expecting("notSaid", kPolicy, "write = (u32 = 1)")),
             ContainsSubstring("'refused' needs the name of a gate"));
  CHECK_THAT(complaint(expecting("pid", "symbol = \"jiffies_64\"", "read = u64", "hot")),
             ContainsSubstring("a hot read has no gates"));
  CHECK_THAT(complaint(expecting("unlokced", kPolicy, "write = (u32 = 1)")),
             ContainsSubstring("unlocked"));
}

}  // namespace ktape::test
