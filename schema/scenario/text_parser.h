// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// A place in a text file; line and column count from 1, columns in bytes. Line 0: unknown.
struct Place {
  uint32_t line = 0;
  uint32_t column = 0;
};

struct TextField;

// One value of Cap'n Proto text with its place. Cap'n Proto's own decoder reports no place for most
// mistakes and forgets all places once it has decoded; the parsed text keeps them.
struct TextNode {
  enum class Kind { kStruct, kList, kWord, kNumber, kString, kData };

  Kind kind = Kind::kStruct;
  Place place;
  std::string word;               // kWord and kNumber: as written
  std::vector<TextField> fields;  // kStruct
  std::vector<TextNode> items;    // kList

  // The value of a field; this node itself if the field was not written: the nearest place.
  [[nodiscard]] const TextNode& at(std::string_view field) const;
  [[nodiscard]] const TextNode& at(size_t item) const;
  [[nodiscard]] bool has(std::string_view field) const;
};

struct TextField {
  std::string name;
  Place place;
  TextNode value;
};

// "FILE:LINE:COLUMN: sentence", code kUsage.
[[nodiscard]] Error error_at(std::string_view file, Place place, std::string_view sentence,
                             std::string hint = "");

// Parses the text of one struct, without a schema: names and kinds are not checked. Errors are
// kUsage with the place and what was expected there. Bounded depth.
[[nodiscard]] Result<TextNode> parse_text(std::string_view file, std::string_view text);

}  // namespace ktape
