// SPDX-License-Identifier: Apache-2.0
#include "schema/base/nearest.h"

#include <algorithm>
#include <utility>

namespace ktape {

namespace {

// Longer than any name in a kernel or scenario: not worth a quadratic comparison.
constexpr size_t kMaxCompared = 128;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

}  // namespace

size_t edit_distance(std::string_view a_text, std::string_view b_text) {
  const std::string a = lower(a_text);
  const std::string b = lower(b_text);
  // Three rows of the matrix are enough: a swap of neighbours looks two rows back.
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

std::vector<std::string> nearest(std::string_view name, std::span<const std::string> candidates,
                                 size_t limit) {
  std::vector<std::pair<size_t, std::string>> found;
  if (name.empty() || name.size() > kMaxCompared) return {};
  // One edit in three characters; more and anything is near.
  const size_t allowed = std::max<size_t>(1, name.size() / 3);
  for (const std::string& candidate : candidates) {
    if (candidate.empty() || candidate.size() > kMaxCompared) continue;
    const bool contains = name.size() >= 3 && candidate.find(name) != std::string::npos;
    const size_t gap = candidate.size() > name.size() ? candidate.size() - name.size()
                                                      : name.size() - candidate.size();
    // The distance is at least the difference of the lengths.
    if (!contains && gap > allowed) continue;
    const size_t distance = edit_distance(name, candidate);
    if (distance <= allowed) {
      found.emplace_back(distance, candidate);
    } else if (contains) {
      // Behind all that are near by edits, shortest first.
      found.emplace_back(allowed + gap, candidate);
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  std::vector<std::string> names;
  for (size_t i = 0; i < found.size() && i < limit; ++i)
    names.push_back(std::move(found[i].second));
  return names;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> candidates) {
  const std::vector<std::string> names = nearest(name, candidates);
  if (names.empty()) return "";
  std::string text = "did you mean ";
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += "'" + names[i] + "'";
  }
  return text + "?";
}

}  // namespace ktape
