// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>

#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/database.h"
#include "schema/tape/writing/tape_store.h"

namespace ktape {

// Copies the rows of one tape into a new one, whose tables are those of today's format: what it has
// copied so far.
struct TapeCopy {
  const Database& source;
  TapeStore& store;
  bool keep_seal = false;     // copy the Sealed record too: everything in the source verifies
  HostNs last{0};             // of the records copied
  std::set<uint64_t> thawed;  // freezes whose end is on the tape
  std::set<Digest> pages;     // that those freezes refer to, and that are still to be copied
  uint64_t blobs_left_out = 0;
};

// In this order. Each stops at the first damage with kBadInput, and what it copied until then is
// kept; another error is the host's, or the new tape's, to which it sticks.
[[nodiscard]] Result<void> copy_records(TapeCopy& copy);
[[nodiscard]] Result<void> copy_blobs(TapeCopy& copy);  // leaves out, and counts, what is damaged
[[nodiscard]] Result<void> copy_freeze_pages(
    TapeCopy& copy);                                    // the page lists of the freezes that ended
[[nodiscard]] Result<void> copy_pages(TapeCopy& copy);  // that those refer to

}  // namespace ktape
