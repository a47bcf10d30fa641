// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "schema/record.capnp.h"

namespace ktape {

// What git says of the checkout that a folder is in.
struct Checkout {
  schema::CheckoutState state = schema::CheckoutState::NONE;
  std::string folder;      // its own; empty: none
  std::string commit;      // that is checked out, in hex
  std::string reason;      // NOT_KNOWN: why
  int32_t untracked = -1;  // files and folders that git neither tracks nor ignores; -1: not counted
};

// Asks git, at most for some seconds, and changes nothing: no lock is taken, no index refreshed,
// and no hook, file-system monitor or pager of the checkout is run (its filters may be: git
// compares by them). A host without git, or a checkout that git refuses to read (safe.directory),
// is NOT_KNOWN; a folder below no
// ".git" is NONE without git being run.
[[nodiscard]] Checkout checkout_of(const std::string& folder);

}  // namespace ktape
