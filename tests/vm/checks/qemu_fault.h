// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ktape::test {

// Whether a capture, by all that `ktape-capture` printed, was spoiled by QEMU itself, which says
// nothing of ktape: QEMU aborted at an assertion of its own (10.0.2 was seen to, at
// iotlb_to_section() in system/physmem.c), or its TCG let the guest die at a patched static branch
// (schema/terms/tcg_fault.h).
[[nodiscard]] bool is_fault_of_qemu(const std::string& output);

}  // namespace ktape::test
