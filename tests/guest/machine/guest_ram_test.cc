// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/guest_ram.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/must.h"

namespace ktape {
namespace {

using test::must;

constexpr uint64_t kMiB = uint64_t{1} << 20;

TEST_CASE("untouched RAM has no data") {
  GuestRam ram = must(GuestRam::create(64 * kMiB));
  CHECK(ram.bytes().size() == 64 * kMiB);
  CHECK(must(ram.data_extents()).empty());
}

TEST_CASE("touched RAM is listed, ascending, and the rest is not") {
  GuestRam ram = must(GuestRam::create(64 * kMiB));
  ram.bytes()[3 * kMiB] = std::byte{1};
  ram.bytes()[40 * kMiB] = std::byte{2};
  auto extents = must(ram.data_extents());
  REQUIRE(extents.size() == 2);
  CHECK(extents[0].offset <= 3 * kMiB);
  CHECK(extents[0].offset + extents[0].bytes > 3 * kMiB);
  CHECK(extents[0].offset + extents[0].bytes <= extents[1].offset);
  CHECK(extents[1].offset + extents[1].bytes > 40 * kMiB);
}

TEST_CASE("RAM that the host cannot allocate is a host error") {
  Result<GuestRam> ram = GuestRam::create(uint64_t{1} << 62);
  REQUIRE_FALSE(ram.ok());
  CHECK(ram.error().code == ErrorCode::kHost);
}

}  // namespace
}  // namespace ktape
