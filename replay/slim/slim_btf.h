// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// The types of a kernel to keep.
struct BtfRoots {
  std::set<std::string> types;        // "struct rq", "enum pid_type", or a typedef by its bare name
  std::vector<std::string> prefixes;  // of the names of structs, unions, enums and variables
  std::set<std::string> variables;    // "runqueues"
};

// BTF of the roots, and of what they contain by value, with all names, sizes and offsets. Types
// that they only point at keep their names and lose their members: they become forward
// declarations, and functions lose their parameters. Names that `raw` does not have are skipped.
// kBadInput as from BtfTable::parse.
[[nodiscard]] Result<std::vector<std::byte>> slim_btf(std::span<const std::byte> raw,
                                                      const BtfRoots& roots);

}  // namespace ktape
