// SPDX-License-Identifier: Apache-2.0
#include "tests/schema/hostile_bytes.h"

#include <catch2/catch_test_macros.hpp>

// KTAPE_STRIDE: of how many bytes one is tried. tools/test --full tries all of them.

namespace ktape::test {

TEST_CASE("a bit turned over anywhere in a tape is found, or in a place that holds nothing") {
  const BytesTried tried = turn_bits(KTAPE_STRIDE);
  print("bits turned over", tried);
  INFO(tried.wrong);
  CHECK(tried.wrong.empty());
  CHECK(tried.altered > 0);
}

TEST_CASE("a tape cut short anywhere is found") {
  const BytesTried tried = cut_short(KTAPE_STRIDE);
  print("cut short", tried);
  INFO(tried.wrong);
  CHECK(tried.wrong.empty());
  CHECK(tried.same == 0);
}

}  // namespace ktape::test
