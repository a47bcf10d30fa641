// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/machine.h"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/scenario/load.h"

using Catch::Matchers::ContainsSubstring;

namespace ktape {

namespace {

std::string scenario(std::string_view machine) {
  return fmt::format(
      "(\nname = \"t\",\nmachine = ({}),\nsteps = [(name = \"s\", actions = [(sleepMs = 1)])],\n)",
      machine);
}

MachineShape shape_of(std::string_view machine, const MachineOverride& with = {}) {
  auto loaded = parse_scenario("x", scenario(machine), with);
  INFO((loaded.ok() ? "" : loaded.error().message));
  REQUIRE(loaded.ok());
  auto made = loaded->get().getMachine();
  return {made.getCpus(),    made.getSockets(), made.getCores(),
          made.getThreads(), made.getLlcs(),    made.getNumaNodes()};
}

std::string complaint(std::string_view machine, const MachineOverride& with = {}) {
  auto loaded = parse_scenario("x", scenario(machine), with);
  if (loaded.ok()) return "no error";
  CHECK(loaded.error().code == ErrorCode::kUsage);
  return loaded.error().message + "; " + loaded.error().hint;
}

}  // namespace

TEST_CASE("a machine has 2 CPUs, one socket, one LLC and one node by default") {
  CHECK(shape_of("") == MachineShape{2, 1, 2, 1, 1, 1});
}

TEST_CASE("CPUs are divided evenly among the given parts") {
  CHECK(shape_of("cpus = 12, sockets = 2") == MachineShape{12, 2, 6, 1, 2, 1});
  CHECK(shape_of("cpus = 12, sockets = 3, threads = 2") == MachineShape{12, 3, 2, 2, 3, 1});
  CHECK(shape_of("cpus = 1") == MachineShape{1, 1, 1, 1, 1, 1});
}

TEST_CASE("the number of CPUs follows from the parts if it is not given") {
  CHECK(shape_of("sockets = 2, cores = 2, threads = 2") == MachineShape{8, 2, 2, 2, 2, 1});
  CHECK(shape_of("sockets = 3") == MachineShape{3, 3, 1, 1, 3, 1});
  CHECK(shape_of("cores = 4, llcs = 2, numaNodes = 2") == MachineShape{4, 1, 4, 1, 2, 2});
}

TEST_CASE("a machine out of bounds is refused, by the field and its place") {
  CHECK_THAT(complaint("cpus = 65"), ContainsSubstring("x:3:19: a machine can have 1 to 64 CPUs"));
  CHECK_THAT(complaint("memoryMb = 64"),
             ContainsSubstring("x:3:23: a machine can have 128 to 1048576 MiB"));
  CHECK_THAT(complaint("cpus = 2, cores = 65"), ContainsSubstring("'cores' is 65"));
  CHECK_THAT(complaint("sockets = 65536, cores = 65536"), ContainsSubstring("1 to 64 CPUs"));
  CHECK_THAT(complaint("sockets = 4294967295, threads = 4294967295, cores = 4294967295"),
             ContainsSubstring("1 to 64 CPUs"));
}

TEST_CASE("parts that contradict the CPUs are refused with their product") {
  CHECK(complaint("cpus = 6, sockets = 2, cores = 2, threads = 2") ==
        "x:3:19: 2 sockets with 2 cores and 2 threads each make 8 CPUs, not 6; leave out 'cpus': "
        "it follows from the other fields");
  CHECK_THAT(complaint("sockets = 2, cpus = 3"),
             ContainsSubstring(
                 "x:3:32: 3 CPUs cannot be divided evenly among 2 sockets with 1 thread per core"));
}

TEST_CASE("LLCs and nodes that cannot be divided evenly are refused by name") {
  CHECK_THAT(complaint("cpus = 8, sockets = 2, llcs = 3"),
             ContainsSubstring("x:3:42: 3 LLCs cannot be divided evenly among 2 sockets"));
  CHECK_THAT(complaint("cpus = 8, threads = 2, llcs = 8"),
             ContainsSubstring("4 cores per socket cannot share 8 LLCs evenly"));
  CHECK_THAT(complaint("cpus = 8, numaNodes = 2"),
             ContainsSubstring("x:3:34: 2 NUMA nodes cannot share 1 LLC evenly"));
  CHECK_THAT(complaint("sockets = 3, numaNodes = 3, memoryMb = 512"),
             ContainsSubstring("x:3:51: 512 MiB cannot be divided evenly among 3 NUMA nodes"));
}

TEST_CASE("a shape from the command line replaces the scenario's shape and keeps its memory") {
  MachineOverride with{.shape = MachineShape{.cpus = 4}, .memory_mb = {}};
  CHECK(shape_of("sockets = 2, cores = 2, threads = 2, numaNodes = 2", with) ==
        MachineShape{4, 1, 4, 1, 1, 1});
  auto loaded = parse_scenario("x", scenario("memoryMb = 300"), with);
  REQUIRE(loaded.ok());
  CHECK(loaded->get().getMachine().getMemoryMb() == 300);
}

TEST_CASE("memory from the command line replaces the scenario's and keeps its shape") {
  MachineOverride with{.shape = {}, .memory_mb = 1024};
  auto loaded = parse_scenario("x", scenario("memoryMb = 300, cpus = 4"), with);
  REQUIRE(loaded.ok());
  CHECK(loaded->get().getMachine().getMemoryMb() == 1024);
  CHECK(loaded->get().getMachine().getCpus() == 4);
}

TEST_CASE("an error in a machine from the command line is not blamed on the scenario's text") {
  MachineOverride with{.shape = MachineShape{.cpus = 3, .sockets = 2}, .memory_mb = {}};
  CHECK_THAT(complaint("cpus = 2", with),
             ContainsSubstring("the machine on the command line: 3 CPUs cannot"));
}

}  // namespace ktape
