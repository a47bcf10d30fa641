// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/qemu_fault.h"

#include "schema/terms/tcg_fault.h"

namespace ktape::test {

bool is_fault_of_qemu(const std::string& output) {
  const size_t lost = output.find("machine lost: QEMU was killed by signal 6 (Aborted)");
  if (lost != output.npos && output.find(": Assertion `", lost) != output.npos) return true;
  return output.find(kPatchingFault) != output.npos;
}

}  // namespace ktape::test
