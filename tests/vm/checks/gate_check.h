// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "tests/vm/checks/tape_facts.h"

namespace ktape::test {

// Checks that exactly these gates failed for the entry `tag`, except for what is arbitrary
// according to the evidence of its freeze: the runqueue of the task's CPU was locked. Then the
// unlocked gate fails too, and if the task is on that runqueue, its queueing there may be in the
// middle of a change. `spinner` names a worker that is always runnable: unless the freeze caught it
// running, it is queued.
void check_gates(const TapeFacts& facts, const std::string& tag, std::set<schema::Gate> expected,
                 const std::string& spinner = "");

}  // namespace ktape::test
