// SPDX-License-Identifier: Apache-2.0
#include "schema/base/json_writer.h"

#include <utility>

#include "schema/base/text.h"

namespace ktape {

void JsonWriter::separate() {
  if (!separated_ && !levels_.empty()) {
    if (!levels_.back().empty) text_ += ',';
    levels_.back().empty = false;
  }
  separated_ = false;
}

JsonWriter& JsonWriter::open(char opening, char closing) {
  separate();
  text_ += opening;
  levels_.push_back({closing});
  return *this;
}

JsonWriter& JsonWriter::end() {
  text_ += levels_.back().closing;
  levels_.pop_back();
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  // separate() above wrote the comma; the value that comes next must write none.
  text_ += json_string(name);
  text_ += ':';
  separated_ = true;
  return *this;
}

JsonWriter& JsonWriter::put(std::string_view json) {
  separate();
  text_ += json;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) { return put(json_string(text)); }

JsonWriter& JsonWriter::value(JsonDigits digits) {
  return put('"' + std::to_string(digits.number) + '"');
}

JsonWriter& JsonWriter::value_or_null(std::string_view text) {
  return text.empty() ? null() : value(text);
}

JsonWriter& JsonWriter::line(size_t indent) {
  separate();
  separated_ = true;
  text_ += '\n';
  text_.append(indent, ' ');
  return *this;
}

JsonWriter& JsonWriter::line_between() {
  return levels_.empty() || levels_.back().empty ? *this : line();
}

JsonWriter& JsonWriter::newline() {
  text_ += '\n';
  return *this;
}

std::string JsonWriter::take() { return std::exchange(text_, {}); }

}  // namespace ktape
