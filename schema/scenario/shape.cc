// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/nearest.h"

namespace ktape {

namespace {

std::string with_article(const std::string& type) {
  const bool vowel = type.find_first_of("AEIOU") == 0;
  return (vowel ? "an " : "a ") + type;
}

using Kind = TextNode::Kind;
using TypeKind = capnp::schema::Type::Which;

std::vector<std::string> field_names(capnp::StructSchema schema) {
  std::vector<std::string> names;
  for (auto field : schema.getFields()) names.emplace_back(field.getProto().getName().cStr());
  return names;
}

std::vector<std::string> enumerant_names(capnp::EnumSchema schema) {
  std::vector<std::string> names;
  for (auto enumerant : schema.getEnumerants())
    names.emplace_back(enumerant.getProto().getName().cStr());
  return names;
}

// The nearest name; all names if none is near.
std::string hint_for(std::string_view word, const std::vector<std::string>& names) {
  std::string near = did_you_mean(word, names);
  return !near.empty() ? near : fmt::format("use one of: {}", fmt::join(names, ", "));
}

std::string describe(const TextNode& node) {
  switch (node.kind) {
    case Kind::kStruct: return "a struct in parentheses";
    case Kind::kList: return "a list";
    case Kind::kString: return "a string";
    case Kind::kData: return "bytes";
    case Kind::kWord:
    case Kind::kNumber: return fmt::format("'{}'", node.word);
  }
  return "something else";
}

struct IntegerRange {
  int64_t lowest = 0;
  uint64_t highest = 0;
};

template <typename T>
IntegerRange range_of() {
  return {static_cast<int64_t>(std::numeric_limits<T>::min()),
          static_cast<uint64_t>(std::numeric_limits<T>::max())};
}

std::optional<IntegerRange> integer_range(capnp::Type type) {
  switch (type.which()) {
    case TypeKind::UINT8: return range_of<uint8_t>();
    case TypeKind::UINT16: return range_of<uint16_t>();
    case TypeKind::UINT32: return range_of<uint32_t>();
    case TypeKind::UINT64: return range_of<uint64_t>();
    case TypeKind::INT8: return range_of<int8_t>();
    case TypeKind::INT16: return range_of<int16_t>();
    case TypeKind::INT32: return range_of<int32_t>();
    case TypeKind::INT64: return range_of<int64_t>();
    default: return std::nullopt;
  }
}

// Reads what Cap'n Proto's lexer accepts as an integer: decimal, 0x hexadecimal, 0 octal, with a
// sign.
bool integer_fits(std::string_view word, IntegerRange range) {
  bool negative = word.starts_with('-');
  if (negative) word.remove_prefix(1);
  // A leading 0 means octal, as in C: 010 is 8.
  int base = word.starts_with("0x") || word.starts_with("0X") ? 16 : word.starts_with('0') ? 8 : 10;
  if (base == 16) word.remove_prefix(2);
  uint64_t magnitude = 0;
  auto [end, status] = std::from_chars(word.data(), word.data() + word.size(), magnitude, base);
  if (status != std::errc() || end != word.data() + word.size()) return false;
  // Two's complement: -(lowest) without overflowing.
  if (negative) return magnitude <= uint64_t{0} - static_cast<uint64_t>(range.lowest);
  return magnitude <= range.highest;
}

class ShapeCheck {
 public:
  explicit ShapeCheck(std::string_view file) : file_(file) {}

  // Which of a union's members the text has: Cap'n Proto would take the last and forget the others.
  Result<void> check_struct(const TextNode& node, capnp::StructSchema schema) const {
    const TextField* member = nullptr;  // the union's
    for (const TextField& field : node.fields) {
      auto found = schema.findFieldByName(field.name.c_str());
      KJ_IF_MAYBE (known, found) {
        if (known->getProto().getDiscriminantValue() != capnp::schema::Field::NO_DISCRIMINANT) {
          if (member != nullptr) {
            return error_at(
                file_, field.place,
                fmt::format("'{}' and '{}' exclude each other", member->name, field.name));
          }
          member = &field;
        }
        KTAPE_TRY(check_value(field.name, field.value, known->getType()));
      } else {
        return error_at(file_, field.place,
                        fmt::format("unknown field '{}' in {}", field.name,
                                    with_article(schema.getShortDisplayName().cStr())),
                        hint_for(field.name, field_names(schema)));
      }
    }
    return {};
  }

 private:
  // `name`: the field that holds the value.
  Result<void> check_value(std::string_view name, const TextNode& node, capnp::Type type) const {
    if (auto range = integer_range(type)) return check_integer(name, node, *range);
    switch (type.which()) {
      case TypeKind::STRUCT:
        if (node.kind != Kind::kStruct) return expected(name, node, "a struct in parentheses");
        return check_struct(node, type.asStruct());
      case TypeKind::LIST:
        if (node.kind != Kind::kList) return expected(name, node, "a list in brackets");
        for (const TextNode& item : node.items) {
          KTAPE_TRY(check_value(name, item, type.asList().getElementType()));
        }
        return {};
      case TypeKind::ENUM: return check_enumerant(name, node, type.asEnum());
      case TypeKind::TEXT:
        return node.kind == Kind::kString ? Result<void>()
                                          : expected(name, node, "text in double quotes");
      case TypeKind::DATA:
        if (node.kind == Kind::kData || node.kind == Kind::kString) return {};
        return expected(name, node, "bytes, e.g. 0x\"01 ff\"");
      case TypeKind::BOOL: return check_word(name, node, {"true", "false"});
      case TypeKind::VOID: return check_word(name, node, {"void"});
      default: return {};  // the schema has no other type; the decoder judges it
    }
  }

  Result<void> check_integer(std::string_view name, const TextNode& node,
                             IntegerRange range) const {
    if (node.kind != Kind::kNumber) return expected(name, node, "a whole number");
    if (integer_fits(node.word, range)) return {};
    return expected(name, node,
                    fmt::format("a whole number from {} to {}", range.lowest, range.highest));
  }

  Result<void> check_enumerant(std::string_view name, const TextNode& node,
                               capnp::EnumSchema schema) const {
    return check_word(name, node, enumerant_names(schema));
  }

  Result<void> check_word(std::string_view name, const TextNode& node,
                          const std::vector<std::string>& names) const {
    if (node.kind == Kind::kWord) {
      for (const std::string& known : names) {
        if (known == node.word) return {};
      }
      return error_at(file_, node.place,
                      fmt::format("'{}' is not a value of '{}'", node.word, name),
                      hint_for(node.word, names));
    }
    return expected(
        name, node,
        fmt::format("{} {}", names.size() > 1 ? "one of" : "the word", fmt::join(names, ", ")));
  }

  Error expected(std::string_view name, const TextNode& node, std::string_view what) const {
    return error_at(file_, node.place,
                    fmt::format("'{}' is {}, expected {}", name, describe(node), what));
  }

  std::string_view file_;
};

}  // namespace

Result<void> check_shape(std::string_view file, const TextNode& node, capnp::StructSchema schema) {
  return ShapeCheck(file).check_struct(node, schema);
}

}  // namespace ktape
