// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/database.h"
#include "schema/tape/writing/tape_store.h"

namespace ktape {

// Copies the rows of one tape into a new one with the tables of the current format: the state of
// the copy.
struct TapeCopy {
  const Database& source;
  TapeStore& store;
  bool keep_seal = false;     // copy the Sealed record too: everything in the source verifies
  HostNs last{0};             // of the records copied
  std::set<uint64_t> thawed;  // freezes whose end is on the tape
  std::set<Digest> pages;     // referred to by those freezes and still to be copied
  uint64_t blobs_left_out = 0;
  // What is wrong with the pages of a freeze: the records end before its end.
  std::map<uint64_t, std::string> damaged_freezes = {};
};

// To be called in this order: each needs what the one before it noted in `copy`. Each stops at the
// first damage with kBadInput and keeps what it copied until then; any other error is the host's,
// or the new tape's, which is sticky. Nothing is committed before the store is sealed or finished.
[[nodiscard]] Result<void> copy_records(TapeCopy& copy);
[[nodiscard]] Result<void> copy_blobs(TapeCopy& copy);         // leaves out and counts damaged ones
[[nodiscard]] Result<void> copy_freeze_pages(TapeCopy& copy);  // the page lists of finished freezes
[[nodiscard]] Result<void> copy_pages(TapeCopy& copy);         // that the page lists refer to

}  // namespace ktape
