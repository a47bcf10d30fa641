// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/types/btf_table.h"

namespace ktape {

// Ids of types by their names: first `add` all, then `finish`, then ask. Sorted by hash, so that a
// stranger's names, whatever they are, cost no more to enter than any others. The table that is
// passed in must always be the one that the names came from.
class BtfNames {
 public:
  // An empty name is left out.
  void add(std::string_view name, uint32_t id);
  void finish();

  // The lowest id of that name.
  [[nodiscard]] std::optional<uint32_t> first(const BtfTable& table, std::string_view name) const;
  // All ids of that name, lowest first.
  [[nodiscard]] std::vector<uint32_t> all(const BtfTable& table, std::string_view name) const;
  // Every name, in no particular order; one that several types have stands there as often.
  [[nodiscard]] std::vector<std::string> names(const BtfTable& table) const;

 private:
  std::vector<uint64_t> entries_;  // hash of the name above its id
};

}  // namespace ktape
