// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/topology_check.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

namespace ktape::test {

void check_topology(const TapeFacts& facts, const Shape& shape, uint64_t memory_mb) {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  const auto said = std::find_if(facts.said.begin(), facts.said.end(),
                                 [](const SaidFacts& one) { return one.subject == "topology"; });
  REQUIRE(said != facts.said.end());
  CHECK(said->facts.at("cpus") == shape.cpus);
  CHECK(said->facts.at("sockets") == shape.sockets);
  CHECK(said->facts.at("cores") == shape.cores);
  CHECK(said->facts.at("llcs") == shape.llcs);
  CHECK(said->facts.at("numaNodes") == shape.nodes);
  const uint64_t bytes = std::stoull(said->facts.at("memoryBytes"));
  CHECK(bytes <= memory_mb * kMiB);
  CHECK(bytes > (memory_mb - 1) * kMiB);
}

}  // namespace ktape::test
