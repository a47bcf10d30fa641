// SPDX-License-Identifier: Apache-2.0
#include "replay/report/report_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "replay/report/report_text.h"

namespace ktape {

namespace {

constexpr size_t kLabelColumns = 11;
constexpr size_t kMaxFieldLines = 3;
constexpr size_t kMaxTitleLines = 3;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The text's first `columns` columns; a UTF-8 sequence counts as one.
std::string cut(std::string_view text, size_t columns) {
  size_t at = 0;
  for (size_t n = 0; at < text.size(); ++at) {
    if (!continues(text[at]) && n++ == columns) break;
  }
  return std::string(text.substr(0, at));
}

size_t width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return !continues(c); }));
}

// "  and 12 more (10 SCX_EXIT_ERROR_STALL (1026), 2 idle)"
Lines rest(const Section& section) {
  if (section.hidden == 0) return {};
  std::string sorts;
  for (const auto& [sort, count] : section.hidden_sorts)
    sorts += fmt::format("{}{} {}", sorts.empty() ? " (" : ", ", count, sort);
  return wrapped(
      "  ", fmt::format("and {} more{}{}", section.hidden, sorts, sorts.empty() ? "" : ")"), 3);
}

// From the end.
auto last_of(std::vector<Item>& items, Rank rank) {
  return std::find_if(items.rbegin(), items.rend(),
                      [&](const Item& item) { return item.rank == rank; });
}

// Items beyond any possible room are dropped at once: an untrusted tape may have any number.
void trim(Section& section, size_t most_items) {
  if (section.whole || section.items.size() <= most_items) return;
  size_t surplus = section.items.size() - most_items;
  for (const Rank rank : {Rank::kOrdinary, Rank::kNormal, Rank::kImportant}) {
    std::vector<Item> kept;
    for (auto item = section.items.rbegin(); item != section.items.rend(); ++item) {
      if (surplus > 0 && item->rank == rank) {
        section.count_hidden(*item);
        --surplus;
      } else {
        kept.push_back(std::move(*item));
      }
    }
    std::ranges::reverse(kept);
    section.items = std::move(kept);
  }
}

}  // namespace

void append(Lines& to, const Lines& lines) { to.insert(to.end(), lines.begin(), lines.end()); }

std::string fitted(std::string_view text, size_t columns) {
  if (width(text) <= columns) return std::string(text);
  std::string head = cut(text, columns - 3);
  const size_t blank = head.rfind(' ');
  if (text[head.size()] != ' ' && blank != head.npos && blank > head.size() / 2) head.resize(blank);
  return head + "...";
}

std::string cell(std::string_view text, size_t columns) {
  std::string fit = fitted(text, columns);
  fit.append(columns - width(fit), ' ');
  return fit;
}

Lines wrapped(const std::string& lead, std::string_view text, size_t most) {
  const size_t room = kReportColumns - width(lead);
  const std::string indent(width(lead), ' ');
  Lines lines;
  while (lines.size() < most) {
    std::string head = cut(text, room);
    if (head.size() < text.size() && lines.size() + 1 < most) {
      const size_t blank = text[head.size()] == ' ' ? head.size() : head.rfind(' ');
      if (blank != head.npos && blank > 0) head.resize(blank);
    } else {
      head = fitted(text, room);
    }
    lines.push_back((lines.empty() ? lead : indent) + head);
    if (head.size() >= text.size() || lines.size() == most) break;
    text.remove_prefix(head.size());
    while (text.starts_with(' ')) text.remove_prefix(1);
    if (text.empty()) break;
  }
  for (std::string& line : lines) line.erase(line.find_last_not_of(' ') + 1);
  return lines;
}

void Section::field(std::string_view label, std::string_view value) {
  items.push_back({wrapped(cell(label, kLabelColumns), value, kMaxFieldLines)});
}

void Section::add(Lines lines, Rank rank, std::string sort) {
  items.push_back({std::move(lines), rank, std::move(sort)});
}

Lines Section::lines() const {
  if (items.empty()) return {};
  Lines all;
  if (!title.empty()) {
    all.emplace_back();
    append(all, wrapped("", title, kMaxTitleLines));
  }
  for (const Item& item : items) append(all, item.lines);
  append(all, rest(*this));
  return all;
}

bool Section::can_give(Rank rank) const {
  return !whole && items.size() > 1 &&
         std::ranges::any_of(items, [&](const Item& item) { return item.rank == rank; });
}

void Section::give_way(Rank rank) {
  const auto item = last_of(items, rank);
  if (item == items.rend()) return;
  count_hidden(*item);
  items.erase(std::next(item).base());
}

void Section::count_hidden(const Item& item) {
  ++hidden;
  if (!item.sort.empty()) ++hidden_sorts[item.sort];
}

void shrink(std::vector<Section>& sections, size_t most_lines) {
  for (Section& section : sections) trim(section, most_lines);
  for (const Rank rank : {Rank::kOrdinary, Rank::kNormal, Rank::kImportant}) {
    while (lines_of(sections).size() > most_lines) {
      // Of several sections the tallest gives way.
      Section* most = nullptr;
      size_t most_height = 0;
      for (Section& section : sections) {
        const size_t height = section.lines().size();
        if (!section.can_give(rank) || height <= most_height) continue;
        most = &section;
        most_height = height;
      }
      if (most == nullptr) break;
      most->give_way(rank);
    }
  }
}

Lines lines_of(const std::vector<Section>& sections) {
  Lines all;
  for (const Section& section : sections) append(all, section.lines());
  return all;
}

}  // namespace ktape
