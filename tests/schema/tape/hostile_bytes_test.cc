// SPDX-License-Identifier: Apache-2.0
#include "tests/schema/tape/hostile_bytes.h"

#include <catch2/catch_test_macros.hpp>

// KTAPE_STRIDE: one of how many bits and bytes is tried. tools/test --full tries all of them.

namespace ktape::test {

namespace {

void check_found(const BytesTried& tried) {
  print("bits in use turned over", tried);
  INFO(tried.wrong);
  CHECK(tried.wrong.empty());
  CHECK(tried.same == 0);
  CHECK(tried.tried > 100);
}

}  // namespace

// In two parts, for two processes.
TEST_CASE("a flipped even bit in a tape's content is found") {
  check_found(turn_bits_in_use(0, size_t{2} * KTAPE_STRIDE));
}

TEST_CASE("a flipped odd bit in a tape's content is found") {
  check_found(turn_bits_in_use(1, size_t{2} * KTAPE_STRIDE));
}

TEST_CASE("a flipped byte in the space between rows changes nothing, or is found") {
  const BytesTried tried = turn_unused_bytes(KTAPE_STRIDE);
  print("unused bytes turned over", tried);
  INFO(tried.wrong);
  CHECK(tried.wrong.empty());
  CHECK(tried.same > 0);
}

TEST_CASE("a tape cut short anywhere is found") {
  const BytesTried tried = cut_short(KTAPE_STRIDE);
  print("cut short", tried);
  INFO(tried.wrong);
  CHECK(tried.wrong.empty());
  CHECK(tried.same == 0);
}

}  // namespace ktape::test
