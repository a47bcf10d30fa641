// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "tests/vm/checks/tape_facts.h"

namespace ktape::test {

// CPU lists, as the guest's kernel writes them.
struct Shape {
  std::string cpus;
  std::string sockets;
  std::string cores;
  std::string llcs;
  std::string nodes;
};

inline const Shape kTwoCores = {"0-1", "0-1", "0 1", "0-1", "0-1"};
inline const Shape kTwoByTwoByTwo = {"0-7", "0-3 4-7", "0-1 2-3 4-5 6-7", "0-3 4-7", "0-3 4-7"};

// Checks that the guest reports this machine: no other CPUs, no other sharing, and all of the
// memory except what the firmware keeps.
void check_topology(const TapeFacts& facts, const Shape& shape, uint64_t memory_mb);

}  // namespace ktape::test
