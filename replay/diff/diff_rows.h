// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "replay/diff/diff.h"

// Aligns what the tapes of two sides say about the same thing.

namespace ktape {

// One thing: each tape's item for it, in the order of a side's tapes; nullptr if it has none.
template <typename Item>
struct DiffRow {
  std::vector<const Item*> a;
  std::vector<const Item*> b;

  [[nodiscard]] bool complete() const {
    return std::ranges::find(a, nullptr) == a.end() && std::ranges::find(b, nullptr) == b.end();
  }
  // At least one tape of each side has it.
  [[nodiscard]] bool on_both_sides() const {
    const auto is_there = [](const Item* item) { return item != nullptr; };
    return std::ranges::any_of(a, is_there) && std::ranges::any_of(b, is_there);
  }
  [[nodiscard]] const Item& any() const {
    for (const auto* side : {&a, &b}) {
      for (const Item* item : *side) {
        if (item != nullptr) return *item;
      }
    }
    return *a.front();  // never reached: every row has an item
  }
  // Leaves out the tapes that do not have it.
  [[nodiscard]] DiffRow present() const {
    DiffRow row = *this;
    std::erase(row.a, nullptr);
    std::erase(row.b, nullptr);
    return row;
  }
};

// `each_item(tape, visit)` calls visit(key, item) for all items of a tape; rows point to these
// items, which outlive them. Rows are in the order of the first tape that has them; of several
// items with one key in a tape the first counts.
template <typename Item, typename Key, typename EachItem>
std::vector<std::pair<Key, DiffRow<Item>>> align_rows(const DiffSide& a, const DiffSide& b,
                                                      const EachItem& each_item) {
  std::vector<std::pair<Key, DiffRow<Item>>> rows;
  std::map<Key, size_t> places;
  const auto take = [&](const DiffSide& side, std::vector<const Item*> DiffRow<Item>::*column) {
    for (size_t tape = 0; tape < side.tapes.size(); ++tape) {
      each_item(side.tapes[tape], [&](const Key& key, const Item& item) {
        const auto [place, added] = places.try_emplace(key, rows.size());
        if (added) {
          DiffRow<Item> row{std::vector<const Item*>(a.tapes.size(), nullptr),
                            std::vector<const Item*>(b.tapes.size(), nullptr)};
          rows.emplace_back(key, std::move(row));
        }
        const Item*& cell = (rows[place->second].second.*column)[tape];
        if (cell == nullptr) cell = &item;
      });
    }
  };
  take(a, &DiffRow<Item>::a);
  take(b, &DiffRow<Item>::b);
  return rows;
}

// The same for items in a vector.
template <typename Item, typename KeyOf>
auto align_lists(const DiffSide& a, const DiffSide& b, std::vector<Item> RunFacts::*list,
                 const KeyOf& key_of) {
  using Key = decltype(key_of(std::declval<const Item&>()));
  return align_rows<Item, Key>(a, b, [&](const DiffTape& tape, const auto& visit) {
    for (const Item& item : tape.run.*list) visit(key_of(item), item);
  });
}

// The same for items in a map, in the order of the keys.
template <typename Key, typename Item, typename MapOf>
auto align_maps(const DiffSide& a, const DiffSide& b, const MapOf& map_of) {
  auto rows = align_rows<Item, Key>(a, b, [&](const DiffTape& tape, const auto& visit) {
    for (const auto& [key, item] : map_of(tape)) visit(key, item);
  });
  std::ranges::sort(rows, {}, [](const auto& row) -> const Key& { return row.first; });
  return rows;
}

inline constexpr char kNotThere[] = "not there";

// What each tape shows of a thing, by `seen(item)`.
template <typename Item, typename SeenOf>
RepeatColumn column_of(const std::vector<const Item*>& items, const SeenOf& seen) {
  RepeatColumn column;
  for (const Item* item : items) {
    column.push_back(item != nullptr
                         ? seen(*item)
                         : Seen{kNotThere, "\x01not there", std::nullopt, Seq(0), false});
  }
  return column;
}

}  // namespace ktape
