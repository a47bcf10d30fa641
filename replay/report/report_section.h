// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

// Sections of a text with a limited number of lines and columns, and what is cut if there is more.

namespace ktape {

using Lines = std::vector<std::string>;

void append(Lines& to, const Lines& lines);

// Exactly `columns` columns (a UTF-8 sequence counts as one), padded with blanks; longer text is
// cut, between words if possible, and ends with dots.
[[nodiscard]] std::string cell(std::string_view text, size_t columns);
[[nodiscard]] std::string fitted(std::string_view text, size_t columns);

// Words in lines; the first begins with `lead`, the others are aligned with its text; at most
// `most` lines, the last with dots if there was more.
[[nodiscard]] Lines wrapped(const std::string& lead, std::string_view text, size_t most);

// What is cut first if there is not enough room.
enum class Rank { kOrdinary, kNormal, kImportant };

// The lines about one thing: all or none are shown.
struct Item {
  Lines lines;
  Rank rank = Rank::kNormal;
  std::string sort;  // how it is counted if it is cut; may be empty
};

// A section of the text. If there is not enough room, items are replaced by a line with their
// number: ordinary before important, and the last ones of a rank first.
struct Section {
  std::string title;  // empty: none, and no empty line before it
  std::vector<Item> items;
  bool whole = false;  // never cut
  size_t hidden = 0;
  std::map<std::string, size_t> hidden_sorts;

  // "label      value"
  void field(std::string_view label, std::string_view value);
  void add(Lines lines, Rank rank = Rank::kNormal, std::string sort = "");

  // All of it, with an empty line before the title; nothing if it has no items.
  [[nodiscard]] Lines lines() const;
  [[nodiscard]] bool can_give(Rank rank) const;
  // Hides the last item of that rank.
  void give_way(Rank rank);
  void count_hidden(const Item& item);
};

// Cuts the section with the most lines, ordinary items of all sections first, until everything
// fits.
void shrink(std::vector<Section>& sections, size_t most_lines);

[[nodiscard]] Lines lines_of(const std::vector<Section>& sections);

}  // namespace ktape
