// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/types/btf_names.h"

#include <algorithm>
#include <functional>

namespace ktape {

namespace {

constexpr int kHashShift = 32;

// 32 bits of hash, so that hash and id sort as one number. Collisions are resolved by comparing the
// name.
uint64_t hash(std::string_view name) {
  return static_cast<uint32_t>(std::hash<std::string_view>()(name));
}

uint32_t id_of(uint64_t entry) { return static_cast<uint32_t>(entry); }

std::string_view name_of(const BtfTable& table, uint64_t entry) {
  return table.text(table.type(id_of(entry)).name);
}

}  // namespace

void BtfNames::add(std::string_view name, uint32_t id) {
  if (!name.empty()) entries_.push_back(hash(name) << kHashShift | id);
}

void BtfNames::finish() { std::sort(entries_.begin(), entries_.end()); }

std::optional<uint32_t> BtfNames::first(const BtfTable& table, std::string_view name) const {
  const uint64_t wanted = hash(name);
  // Equal hashes are adjacent, lowest id first.
  auto at = std::lower_bound(entries_.begin(), entries_.end(), wanted << kHashShift);
  for (; at != entries_.end() && *at >> kHashShift == wanted; ++at) {
    if (name_of(table, *at) == name) return id_of(*at);
  }
  return std::nullopt;
}

std::vector<uint32_t> BtfNames::all(const BtfTable& table, std::string_view name) const {
  std::vector<uint32_t> ids;
  const uint64_t wanted = hash(name);
  auto at = std::lower_bound(entries_.begin(), entries_.end(), wanted << kHashShift);
  for (; at != entries_.end() && *at >> kHashShift == wanted; ++at) {
    if (name_of(table, *at) == name) ids.push_back(id_of(*at));
  }
  return ids;
}

std::vector<std::string> BtfNames::names(const BtfTable& table) const {
  std::vector<std::string> list;
  list.reserve(entries_.size());
  for (const uint64_t entry : entries_) list.emplace_back(name_of(table, entry));
  return list;
}

}  // namespace ktape
