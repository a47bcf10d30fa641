// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "replay/slim_btf.h"
#include "replay/slim_symbols.h"
#include "replay/tape_index.h"
#include "schema/base/result.h"
#include "schema/journal/reader.h"

namespace ktape {

struct SlimRoots {
  BtfRoots btf;
  SymbolRoots symbols;
};

// The types and symbols that the records of a tape name, and those that the kernel code of this ktape and
// questions about a scheduler's state need. Errors are those of the reader.
[[nodiscard]] Result<SlimRoots> slim_roots(const JournalReader& tape, const TapeIndex& index);

}  // namespace ktape
