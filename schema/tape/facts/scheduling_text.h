// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/record.capnp.h"

namespace ktape {

// How the current task of a vCPU was scheduled, safe to print: "normal", "fifo 50", "normal, class
// ext" if its class is not the one of its policy, "normal, class rt, prio 49" if it was boosted,
// "idle task". Empty: not known.
[[nodiscard]] std::string scheduling_text(schema::VcpuState::Reader vcpu);

}  // namespace ktape
