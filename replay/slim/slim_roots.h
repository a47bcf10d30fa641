// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "replay/slim/slim_btf.h"
#include "replay/slim/slim_symbols.h"
#include "replay/tape/tape_index.h"
#include "schema/base/result.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

struct SlimRoots {
  BtfRoots btf;
  SymbolRoots symbols;
};

// The types and symbols that the records of a tape name, and those that this ktape's kernel code
// and questions about a scheduler's state need. Errors are those of the reader.
[[nodiscard]] Result<SlimRoots> slim_roots(const TapeReader& tape, const TapeIndex& index);

}  // namespace ktape
