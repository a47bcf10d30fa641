// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/database.h"
#include "schema/tape/losses.h"

namespace ktape {

enum class Integrity {
  kIntact,     // sealed; every record, page, blob and column is as recorded
  kTruncated,  // a valid prefix that salvage sealed
  kUnsealed,   // a recording whose log was not merged: a valid prefix, or all up to its Sealed
               // record
  kAltered,    // something is not as it was recorded
};

// "intact"
[[nodiscard]] const char* integrity_name(Integrity integrity);

struct Verification {
  Integrity integrity = Integrity::kAltered;
  std::string finding;  // one sentence; names table, row and cause when altered
  std::string hint;     // the remedy, if there is one
  uint64_t records = 0;
  Digest head{};
  LossTally losses;  // of the records up to the first damage
};

// Checks everything in a tape against everything else: file, tables, records and their chain,
// projection, blobs, pages, seal. Returns an error only if the file cannot be read as a tape at
// all. `expect`: the head digest that the recorder printed; a different one is kAltered. Without
// it, a tape that was rewritten as a whole passes: whoever can do that can compute digests.
[[nodiscard]] Result<Verification> verify(const std::string& path,
                                          const std::optional<Digest>& expect);

// Checks records, blobs and pages of a sealed tape against each other, whatever tables were made
// from them: kBadInput names what is not as it was recorded.
[[nodiscard]] Result<void> verify_records(const Database& tape);

}  // namespace ktape
