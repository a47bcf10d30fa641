// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ktape {

// A number as a JSON string: most JSON readers keep 53 bits of a number.
struct JsonDigits {
  uint64_t number = 0;
};

// A 64-bit integer as a JSON number: for one that cannot exceed 2^53, as the length of a list in
// memory, or that may be rounded.
struct JsonNumber {
  uint64_t number = 0;
};

// Text that is already JSON.
struct JsonText {
  std::string_view json;
};

// Writes all JSON: one value after another, compact; commas are added automatically.
//   JsonWriter json;
//   json.object().field("seq", JsonDigits{7}).key("names").list().value("a").end().end();
//   json.take() == R"({"seq":"7","names":["a"]})"
// Texts are escaped by json_string() of schema/base/text.h.
//
// Calls must be balanced and in order, which is not checked: the caller writes a fixed shape.
class JsonWriter {
 public:
  // Begin an object or a list, which end() ends: the innermost one.
  JsonWriter& object() { return open('{', '}'); }
  JsonWriter& list() { return open('[', ']'); }
  JsonWriter& end();

  // The name of a member; its value comes next.
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(JsonDigits digits);
  JsonWriter& value(JsonNumber number) { return put(std::to_string(number.number)); }
  JsonWriter& value(JsonText json) { return put(json.json); }
  template <std::integral Number>
  JsonWriter& value(Number number) {
    static_assert(sizeof(Number) <= sizeof(uint32_t), "64-bit integers are JsonDigits");
    if constexpr (std::same_as<Number, bool>) {
      return put(number ? "true" : "false");
    } else {
      return put(std::to_string(number));
    }
  }
  JsonWriter& null() { return put("null"); }
  // The text; null if it is empty.
  JsonWriter& value_or_null(std::string_view text);

  template <typename Value>
  JsonWriter& field(std::string_view name, const Value& of) {
    return key(name).value(of);
  }

  // A list with each of the values.
  template <typename Values>
  JsonWriter& values(const Values& of) {
    list();
    for (const auto& one : of) value(one);
    return end();
  }

  // What follows begins on a new line, indented by this much.
  JsonWriter& line(size_t indent = 0);
  // The same, but the first item of a list or object stays on its line.
  JsonWriter& line_between();
  // Ends the line.
  JsonWriter& newline();

  // What was written since the last call.
  [[nodiscard]] std::string take();

 private:
  // A list or object that has not ended.
  struct Level {
    char closing;
    bool empty = true;
  };

  JsonWriter& open(char opening, char closing);
  JsonWriter& put(std::string_view json);
  // Writes the comma before the next value, if needed.
  void separate();

  std::string text_;
  std::vector<Level> levels_;
  bool separated_ = false;  // the comma is written, or a name and its colon
};

}  // namespace ktape
