// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/machine_options.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape {
namespace {

TEST_CASE("a topology is its parts and their numbers, in any order") {
  Result<MachineShape> shape =
      parse_topology("threads=2,sockets=3,numaNodes=4,llcs=5,cores=6,cpus=7");
  REQUIRE(shape.ok());
  CHECK(
      *shape ==
      MachineShape{.cpus = 7, .sockets = 3, .cores = 6, .threads = 2, .llcs = 5, .numa_nodes = 4});
}

TEST_CASE("a part that is not given is left to its default") {
  Result<MachineShape> shape = parse_topology("sockets=2");
  REQUIRE(shape.ok());
  CHECK(*shape == MachineShape{.sockets = 2});
}

TEST_CASE("a topology that is not parts and numbers is refused, with the part") {
  for (const char* text :
       {"", "sockets", "sockets=", "sockets=x", "sockets=0", "sockets=2,", "sockets=2 ",
        "sockets=-1", "sockets=4294967296", "=2", "sockets=2,sockets=2", "die=1"}) {
    INFO(text);
    Result<MachineShape> shape = parse_topology(text);
    REQUIRE_FALSE(shape.ok());
    CHECK(shape.error().code == ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace ktape
