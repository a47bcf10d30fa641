// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/projection/cells.h"

#include <capnp/message.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>

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

TEST_CASE("a long list of values is cut when its text gets too long") {
  std::string text = value_text_of([](auto value) { value.initList(100'000); });
  CHECK(text.size() < 70'000);
  CHECK(text.ends_with(", ...]"));
}

}  // namespace ktape::test
