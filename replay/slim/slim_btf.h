// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// What of a kernel's types is kept.
struct BtfRoots {
  std::set<std::string> types;        // "struct rq", "enum pid_type", or a typedef by its bare name
  std::vector<std::string> prefixes;  // of the names of structs, unions, enums and variables
  std::set<std::string> variables;    // "runqueues"
};

// BTF of the roots, and of what they hold by value; all of it keeps its names, sizes and offsets.
// What they only point at keeps its name and loses its members: it becomes a forward declaration,
// and functions lose their parameters. Names that `raw` does not have are left out. kBadInput as
// BtfTable::parse.
[[nodiscard]] Result<std::vector<std::byte>> slim_btf(std::span<const std::byte> raw,
                                                      const BtfRoots& roots);

}  // namespace ktape
