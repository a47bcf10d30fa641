// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "guest/kernel/image/symbol_table.h"
#include "schema/base/result.h"

namespace ktape {

// The symbols of a kernel to keep.
struct SymbolRoots {
  std::set<std::string> names;
  std::set<uint64_t> addresses;  // link-time addresses of the symbols to keep
};

// The roots, sched_ext's own symbols, the scheduling classes, and the sections' borders.
[[nodiscard]] Result<SymbolTable> slim_symbols(const SymbolTable& symbols,
                                               const SymbolRoots& roots);

}  // namespace ktape
