// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/qemu_fault.h"

#include <catch2/catch_test_macros.hpp>

#include "schema/terms/tcg_fault.h"

namespace ktape::test {

TEST_CASE(
    "an abort of QEMU and a death at a patched branch are QEMU's faults, any other lost machine is "
    "not") {
  const std::string lost = "outcome  machine lost: QEMU was killed by signal ";
  CHECK(is_fault_of_qemu(
      lost +
      "6 (Aborted): qemu-system-x86_64: system/physmem.c:2678: iotlb_to_section: Assertion `x'"));
  CHECK(is_fault_of_qemu(std::string("outcome  guest panicked: ") + kPatchingFault));
  CHECK_FALSE(is_fault_of_qemu(lost + "9 (Killed)"));
  CHECK_FALSE(
      is_fault_of_qemu(lost + "6 (Aborted): qemu-system-x86_64: error: failed to set MSR 0x10a"));
  CHECK_FALSE(is_fault_of_qemu("outcome  guest panicked: Assertion `x' failed"));
  CHECK_FALSE(is_fault_of_qemu(""));
}

}  // namespace ktape::test
