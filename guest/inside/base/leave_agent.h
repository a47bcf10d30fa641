// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace ktape {

// The number of leave_agent()'s first descriptor in the child.
inline constexpr int kFirstKeptFd = 3;

// For a child that the agent has just forked. The agent blocks SIGCHLD and holds the channel and
// the scheduler's link, and the child must not inherit these. Afterwards the child blocks no
// signal, dies with the agent, and has only descriptors 0, 1, 2, and `kept` from 3 on. Allocates
// nothing.
void leave_agent(std::span<int> kept);

}  // namespace ktape
