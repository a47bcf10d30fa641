// SPDX-License-Identifier: Apache-2.0
#include "replay/export/csv_export.h"

#include <catch2/catch_test_macros.hpp>

#include "replay/text/csv_cell.h"

namespace ktape::test {

TEST_CASE("a cell of CSV is quoted only if necessary, and NULL is not an empty string") {
  CHECK(csv_cell(std::nullopt).empty());
  CHECK(csv_cell("") == "\"\"");
  CHECK(csv_cell("plain text") == "plain text");
  CHECK(csv_cell("a,b") == "\"a,b\"");
  CHECK(csv_cell("say \"x\"\n") == "\"say \"\"x\"\"\n\"");
}

TEST_CASE("only whole decimal numbers of 64 bits have a hex form") {
  CHECK(hex_of_decimal("18446744073709551615") == "0xffffffffffffffff");
  CHECK(hex_of_decimal("0") == "0x0");
  for (const char* text : {"", "18446744073709551616", "-1", "x'00'", "[1, 2]", "5 "}) {
    CHECK_FALSE(hex_of_decimal(text).has_value());
  }
  CHECK_FALSE(hex_of_decimal(std::nullopt).has_value());
}

}  // namespace ktape::test
