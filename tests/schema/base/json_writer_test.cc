// SPDX-License-Identifier: Apache-2.0
#include "schema/base/json_writer.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape {

TEST_CASE("commas stand between the members of an object and the values of a list") {
  JsonWriter json;
  json.object().field("seq", JsonDigits{7}).key("names").list().value("a").value("b").end();
  json.key("none").list().end().field("of", JsonText{"{\"x\":1}"}).end();
  CHECK(json.take() == R"({"seq":"7","names":["a","b"],"none":[],"of":{"x":1}})");
}

TEST_CASE("numbers, booleans and nothing are written as what they are") {
  JsonWriter json;
  json.list().value(-1).value(UINT32_MAX).value(uint8_t{65}).value(true).null();
  json.value_or_null("").value_or_null("x").end();
  CHECK(json.take() == R"([-1,4294967295,65,true,null,null,"x"])");
}

TEST_CASE("a 64-bit integer is text unless the caller knows that it is small") {
  JsonWriter json;
  json.list().value(JsonDigits{UINT64_MAX}).value(JsonNumber{3}).end();
  CHECK(json.take() == R"(["18446744073709551615",3])");
}

TEST_CASE("names and texts are escaped, and what is not UTF-8 is in hex") {
  JsonWriter json;
  json.object().field("a\"b", "c\nd").field("bytes", std::string("\xff")).end();
  CHECK(json.take() == "{\"a\\\"b\":\"c\\u000ad\",\"bytes\":{\"hex\":\"ff\"}}");
}

TEST_CASE("a line begins behind the comma") {
  JsonWriter json;
  json.list().line(2).value(1).line(2).value(2).newline().end().newline();
  CHECK(json.take() == "[\n  1,\n  2\n]\n");
  json.list().line_between().value(1).line_between().value(2).end();
  CHECK(json.take() == "[1,\n2]");
}

}  // namespace ktape
