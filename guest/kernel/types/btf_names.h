// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/types/btf_table.h"

namespace ktape {

// Ids of types by name: `add` all, then `finish`, then look up. Sorted by hash, so that hostile
// names cost no more to add than any others. Always pass in the table that the names came from.
class BtfNames {
 public:
  // Ignores an empty name.
  void add(std::string_view name, uint32_t id);
  void finish();

  // The lowest id with that name.
  [[nodiscard]] std::optional<uint32_t> first(const BtfTable& table, std::string_view name) const;
  // All ids with that name, lowest first.
  [[nodiscard]] std::vector<uint32_t> all(const BtfTable& table, std::string_view name) const;
  // Every name, in no particular order; once for each type that has it.
  [[nodiscard]] std::vector<std::string> names(const BtfTable& table) const;

 private:
  std::vector<uint64_t> entries_;  // hash of the name in the high bits, id in the low ones
};

}  // namespace ktape
