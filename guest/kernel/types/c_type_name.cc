// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/types/c_type_name.h"

#include <array>
#include <cstddef>

namespace ktape {

namespace {

enum Word { kSigned, kUnsigned, kLong, kShort, kInt, kChar, kWords };
constexpr std::array<std::string_view, kWords> kNames = {"signed", "unsigned", "long",
                                                         "short",  "int",      "char"};
using Counts = std::array<size_t, kWords>;

// False for any other word.
bool count_words(std::string_view text, Counts& counts) {
  while (true) {
    const size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return true;
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    size_t i = 0;
    while (i < kWords && kNames[i] != word) ++i;
    if (i == kWords) return false;
    ++counts[i];
  }
}

// "long long", "short", "char", ""; nothing if the words do not go together.
bool size_of_words(const Counts& counts, std::string& size) {
  const size_t sizes = (counts[kLong] > 0) + counts[kShort] + counts[kChar];
  const bool fits = counts[kLong] <= 2 && sizes <= 1 && counts[kInt] <= 1 &&
                    counts[kSigned] + counts[kUnsigned] <= 1 && counts[kChar] * counts[kInt] == 0;
  if (!fits) return false;
  if (counts[kLong] > 0) size = counts[kLong] == 2 ? "long long" : "long";
  if (counts[kShort] > 0) size = "short";
  if (counts[kChar] > 0) size = "char";
  return true;
}

}  // namespace

std::vector<std::string> btf_names_of(std::string_view c_name) {
  Counts counts{};
  std::string size;
  if (!count_words(c_name, counts) || counts == Counts{} || !size_of_words(counts, size)) return {};
  const bool is_unsigned = counts[kUnsigned] > 0;
  // A plain char is a type of its own.
  if (counts[kChar] > 0)
    return {is_unsigned ? "unsigned char" : counts[kSigned] > 0 ? "signed char" : "char"};
  if (size.empty()) return {is_unsigned ? "unsigned int" : "int"};
  if (is_unsigned) return {size + " unsigned int", "unsigned " + size};
  return {size + " int", size};
}

}  // namespace ktape
