// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "guest/kernel/image/symbol_table.h"
#include "schema/base/result.h"

namespace ktape {

// What of a kernel's symbols is kept.
struct SymbolRoots {
  std::set<std::string> names;
  std::set<uint64_t> addresses;  // link-time ones, whose symbols are kept
};

// Where something was left out stands a symbol of this name, so that an address there is not
// described by what was before it.
inline constexpr char kLeftOut[] = "left_out";

// The roots, sched_ext's own symbols, the scheduling classes, and the sections' borders.
[[nodiscard]] Result<SymbolTable> slim_symbols(const SymbolTable& symbols,
                                               const SymbolRoots& roots);

}  // namespace ktape
