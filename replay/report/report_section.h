// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

// Parts of a text that has room for so many lines and columns, and what gives way where there is
// more.

namespace ktape {

using Lines = std::vector<std::string>;

void append(Lines& to, const Lines& lines);

// In `columns` columns (a UTF-8 sequence counts as one), filled up with blanks; what was cut off is
// told by dots, and is cut between words where there are any.
[[nodiscard]] std::string cell(std::string_view text, size_t columns);
[[nodiscard]] std::string fitted(std::string_view text, size_t columns);

// Words in lines that begin with `lead`, then under it; at most `most` lines, the last with dots
// when there was more.
[[nodiscard]] Lines wrapped(const std::string& lead, std::string_view text, size_t most);

// What gives way first where room is short.
enum class Rank { kOrdinary, kNormal, kImportant };

// What is told of one thing: all of it or nothing.
struct Item {
  Lines lines;
  Rank rank = Rank::kNormal;
  std::string sort;  // what it counts as where it gave way; may be empty
};

// A part of the text. Where room is short, items give way to a line that says how many: the
// ordinary before the important, of one rank those at the end first.
struct Section {
  std::string title;  // empty: none, and no empty line before it
  std::vector<Item> items;
  bool whole = false;  // never cut
  size_t hidden = 0;
  std::map<std::string, size_t> hidden_sorts;

  // "label      value"
  void field(std::string_view label, std::string_view value);
  void add(Lines lines, Rank rank = Rank::kNormal, std::string sort = "");

  // All of it, with an empty line before the title; nothing when it has no items.
  [[nodiscard]] Lines lines() const;
  [[nodiscard]] bool can_give(Rank rank) const;
  // The last item of that rank.
  void give_way(Rank rank);
  void count_hidden(const Item& item);
};

// Takes from whoever has most lines, the ordinary of all sections first, until all of it fits.
void shrink(std::vector<Section>& sections, size_t most_lines);

[[nodiscard]] Lines lines_of(const std::vector<Section>& sections);

}  // namespace ktape
