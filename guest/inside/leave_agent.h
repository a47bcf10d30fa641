// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace ktape {

// The number that the first descriptor of leave_agent() has in the child.
inline constexpr int kFirstKeptFd = 3;

// For a child that the agent has just forked. The agent blocks SIGCHLD and holds the channel and
// the scheduler's link: the child gets none of that. It blocks no signal, dies with the agent, and
// has of its descriptors 0, 1, 2, and `kept` as 3 and on. Allocates nothing.
void leave_agent(std::span<int> kept);

}  // namespace ktape
