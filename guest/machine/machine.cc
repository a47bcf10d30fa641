// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/machine.h"

#include <utility>

namespace ktape {

Frozen::~Frozen() {
  // A destructor cannot report errors. A machine that did not resume is reported as lost by wait().
  if (backend_ != nullptr) (void)backend_->thaw();
}

WritableGuestMemory& Frozen::memory() {
  KTAPE_CHECK(backend_ != nullptr);
  return backend_->writable_memory();
}

Result<std::vector<VcpuRegisters>> Frozen::registers() {
  KTAPE_CHECK(backend_ != nullptr);
  return backend_->registers();
}

Result<void> Frozen::set_breakpoint(GuestVirtual address) {
  KTAPE_CHECK(backend_ != nullptr);
  return backend_->set_breakpoint(address);
}

Result<void> Frozen::clear_breakpoint(GuestVirtual address) {
  KTAPE_CHECK(backend_ != nullptr);
  return backend_->clear_breakpoint(address);
}

// The backend is given up before it thaws: after a failure the destructor must not try again.
Result<void> Frozen::thaw() {
  KTAPE_CHECK(backend_ != nullptr);
  return std::exchange(backend_, nullptr)->thaw();
}

}  // namespace ktape
