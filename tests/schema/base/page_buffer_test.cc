// SPDX-License-Identifier: Apache-2.0
#include "schema/base/page_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace ktape {
namespace {

const auto kPage = static_cast<size_t>(::sysconf(_SC_PAGESIZE));

// Pages that hold a byte of their number, from 1 on; those of `zeros` hold none.
PageBuffer numbered(size_t pages, const std::vector<size_t>& zeros = {}) {
  PageBuffer buffer(pages * kPage);
  for (size_t page = 0; page < pages; ++page) {
    const bool zero = std::ranges::find(zeros, page) != zeros.end();
    buffer.data()[(page + 1) * kPage - 1] = static_cast<std::byte>(zero ? 0 : page + 1);
  }
  return buffer;
}

std::vector<std::byte> copy_of(const PageBuffer& buffer) { return {buffer.begin(), buffer.end()}; }

std::vector<bool> in_memory(PageBuffer& buffer) {
  std::vector<unsigned char> resident(buffer.size() / kPage);
  REQUIRE(::mincore(buffer.data(), buffer.size(), resident.data()) == 0);
  std::vector<bool> result;
  for (const unsigned char page : resident) result.push_back((page & 1) != 0);
  return result;
}

}  // namespace

TEST_CASE("the pages within a range are released, those at its edges stay") {
  PageBuffer buffer = numbered(5);
  std::vector<std::byte> expected = copy_of(buffer);
  buffer.release(kPage / 2, 3 * kPage);
  CHECK(in_memory(buffer) == std::vector{true, false, false, true, true});
  std::fill_n(expected.begin() + static_cast<ptrdiff_t>(kPage), 2 * kPage, std::byte{0});
  CHECK(copy_of(buffer) == expected);
}

TEST_CASE("releasing pages of zeros changes no byte") {
  PageBuffer buffer = numbered(6, {0, 2, 3, 5});
  const std::vector<std::byte> before = copy_of(buffer);
  buffer.release_zeros(1, buffer.size() - 1);
  CHECK(in_memory(buffer) == std::vector{true, true, false, false, true, false});
  CHECK(copy_of(buffer) == before);
}

TEST_CASE("a buffer keeps its bytes when it grows, and ends at its new size") {
  PageBuffer buffer = numbered(2);
  const std::vector<std::byte> before = copy_of(buffer);
  buffer.resize(1000 * kPage);
  CHECK(std::equal(before.begin(), before.end(), buffer.begin()));
  CHECK(std::all_of(buffer.begin() + before.size(), buffer.end(),
                    [](std::byte b) { return b == std::byte{0}; }));
  buffer.resize(3);
  CHECK(std::ranges::equal(buffer, std::span(before).first(3)));
  buffer.resize(0);
  CHECK(copy_of(buffer).empty());
}

}  // namespace ktape
