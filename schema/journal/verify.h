// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

enum class Integrity {
  kIntact,     // sealed; every record, page, blob and column is as recorded
  kTruncated,  // a valid prefix that salvage sealed
  kUnsealed,   // a valid prefix of a recording that died or is still going on
  kAltered,    // something is not as it was recorded
};

struct Verification {
  Integrity integrity = Integrity::kAltered;
  std::string finding;  // one sentence; names table, row and cause when altered
  uint64_t records = 0;
  Digest head{};
};

// Checks everything that is in a tape against everything else. An error only when the file cannot
// be read as a tape at all. `expect`: the head digest that the recorder printed; another one is kAltered.
[[nodiscard]] Result<Verification> verify(const std::string& path, const std::optional<Digest>& expect);

// Makes one sealed file, marked truncated, from what a dead recorder left at `path` (the `.partial`
// or the tape's own name). The source is not touched. kHost when `out` exists.
[[nodiscard]] Result<Verification> salvage(const std::string& path, const std::string& out);

}  // namespace ktape
