// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ktape {

// A number as a string of JSON: most readers of JSON keep 53 bits of a number.
struct JsonDigits {
  uint64_t number = 0;
};

// JSON that is written already.
struct JsonText {
  std::string_view json;
};

// How all JSON is written: a value after the other, compact, the commas by itself.
//   JsonWriter json;
//   json.object().field("seq", JsonDigits{7}).key("names").list().value("a").end().end();
//   json.take() == R"({"seq":"7","names":["a"]})"
// Texts are json_string() of schema/base/text.h.
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
  JsonWriter& value(JsonText json) { return put(json.json); }
  template <std::integral Number>
  JsonWriter& value(Number number) {
    if constexpr (std::same_as<Number, bool>) {
      return put(number ? "true" : "false");
    } else {
      return put(std::to_string(number));
    }
  }
  JsonWriter& null() { return put("null"); }
  // The text; null where it is empty.
  JsonWriter& value_or_null(std::string_view text);

  template <typename Value>
  JsonWriter& field(std::string_view name, const Value& of) {
    return key(name).value(of);
  }

  // A list of values of which each is one.
  template <typename Values>
  JsonWriter& values(const Values& of) {
    list();
    for (const auto& one : of) value(one);
    return end();
  }

  // What comes next begins on a line of its own, this far in.
  JsonWriter& line(size_t indent = 0);
  // The same, but the first of its list or object stays on the line.
  JsonWriter& line_between();
  // Ends the line.
  JsonWriter& newline();

  // What was written since the last call.
  [[nodiscard]] std::string take();

 private:
  // A list or object that is not ended.
  struct Level {
    char closing;
    bool empty = true;
  };

  JsonWriter& open(char opening, char closing);
  JsonWriter& put(std::string_view json);
  // The comma before what comes next, where it needs one.
  void separate();

  std::string text_;
  std::vector<Level> levels_;
  bool separated_ = false;  // the comma stands, or a name and its colon
};

}  // namespace ktape
