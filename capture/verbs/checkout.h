// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "schema/record.capnp.h"

namespace ktape {

// The git state of the checkout that contains a folder.
struct Checkout {
  schema::CheckoutState state = schema::CheckoutState::NONE;
  std::string folder;      // top folder of the checkout; empty: none
  std::string commit;      // the commit that is checked out, in hex
  std::string reason;      // NOT_KNOWN: why
  int32_t untracked = -1;  // files and folders neither tracked nor ignored; -1: not counted
};

// Asks git, for at most some seconds, and changes nothing: it takes no lock, refreshes no index and
// runs no hook, file-system monitor or pager of the checkout. It may run the checkout's filters,
// because git compares files through them. The state is NOT_KNOWN if the host has no git or git
// refuses to read the checkout (safe.directory). It is NONE, without running git, if no parent
// folder has a ".git".
[[nodiscard]] Checkout checkout_of(const std::string& folder);

}  // namespace ktape
