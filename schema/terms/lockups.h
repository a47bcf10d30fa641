// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace ktape {

// Which of a kernel's watchdogs need longer than `ms` to report a CPU that is locked up: "a soft
// lockup (reported after 20 s) or an RCU stall (21 s)". Empty: none of them; one that is 0 is off
// or not known.
[[nodiscard]] std::string lockups_later_than(uint64_t ms, uint64_t soft_lockup_ms,
                                             uint64_t rcu_stall_ms);

// "20 s", "2.5 s"
[[nodiscard]] std::string seconds_text(uint64_t ms);

}  // namespace ktape
