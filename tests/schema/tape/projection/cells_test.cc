// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/projection/cells.h"

#include <capnp/message.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <random>
#include <regex>
#include <vector>

#include "schema/base/text.h"
#include "schema/wire/data.h"

namespace ktape::test {

namespace {

std::string value_text_of(const std::function<void(schema::Value::Builder)>& fill) {
  capnp::MallocMessageBuilder message;
  auto value = message.initRoot<schema::Value>();
  fill(value);
  return cells::value_text(value.asReader());
}

}  // namespace

TEST_CASE("values read as people would write them") {
  CHECK(value_text_of([](auto value) { value.setU8(255); }) == "255");
  CHECK(value_text_of([](auto value) { value.setU64(18'446'744'073'709'551'615u); }) ==
        "18446744073709551615");
  CHECK(value_text_of([](auto value) { value.initClearBits().setMask(0xf0); }) == "clear 0xf0");
  CHECK(value_text_of([](auto value) {
          auto list = value.initList(3);
          list[0].setU32(1);
          list[1].initBytes(1);
        }) == "[1, x'00', none]");
  std::string large = value_text_of([](auto value) { value.initBytes(1000); });
  CHECK(large == "x'" + std::string(512, '0') + "'... (1000 bytes)");
}

namespace {

// The inverse of printable_lines, as FORMAT.md describes it.
std::string original(const std::string& cell) {
  static const std::regex kEscape(R"(\\(\\|t|r|x[0-9a-f]{2}|u\{[0-9a-f]+\}))");
  std::string out;
  std::string::const_iterator at = cell.begin();
  for (std::sregex_iterator it(cell.begin(), cell.end(), kEscape); it != std::sregex_iterator();
       ++it) {
    out.append(at, (*it)[0].first);
    at = (*it)[0].second;
    const std::string escape = (*it)[1];
    if (escape[0] == 'x') {
      out += static_cast<char>(std::stoul(escape.substr(1), nullptr, 16));
    } else if (escape[0] == 'u') {
      const auto c = std::stoul(escape.substr(2), nullptr, 16);
      if (c >= 0x800) out += static_cast<char>(0xe0 | c >> 12);
      out += static_cast<char>(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6);
      out += static_cast<char>(0x80 | (c & 0x3f));
    } else {
      out += escape[0] == 't' ? '\t' : escape[0] == 'r' ? '\r' : '\\';
    }
  }
  return out.append(at, cell.end());
}

}  // namespace

TEST_CASE("text keeps its bytes: what is escaped in a cell can be undone") {
  const std::vector<std::string> hard = {"",
                                         "plain",
                                         "a\nb",
                                         std::string("nul\0l", 5),
                                         "tab\tret\r\n\n",
                                         "back\\slash \\x41 \\\\",
                                         "\xff\xfe",
                                         "cut \xe2\x82",
                                         "\xc2\x80 C1",
                                         "\xe2\x80\xae bidi",
                                         "\xef\xbb\xbf BOM",
                                         "\xed\xa0\x80 surrogate",
                                         "\xf0\x9f\x90\xa7 fine",
                                         "\x1b[31mred"};
  for (const std::string& text : hard) {
    const std::string cell = cells::printable_lines(text);
    INFO(cell);
    CHECK(original(cell) == text);
    CHECK(is_utf8(cell));
    CHECK(std::ranges::none_of(cell, [](unsigned char c) { return c < 0x20 && c != '\n'; }));
  }
  std::mt19937 random(16);
  for (int i = 0; i < 2000; ++i) {
    std::string text(random() % 40, '\0');
    // Mostly the characters of escapes, so that they are taken for one another if they can be.
    for (char& c : text)
      c = random() % 2 != 0 ? "\\xtru{}019af\n"[random() % 14] : static_cast<char>(random());
    const std::string cell = cells::printable_lines(text);
    INFO(cell);
    CHECK(original(cell) == text);
  }
}

TEST_CASE("a long list of values is cut when its text gets too long") {
  std::string text = value_text_of([](auto value) { value.initList(100'000); });
  CHECK(text.size() < 70'000);
  CHECK(text.ends_with(", ...]"));
}

}  // namespace ktape::test
