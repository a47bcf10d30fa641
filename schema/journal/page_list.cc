// SPDX-License-Identifier: Apache-2.0
#include "schema/journal/page_list.h"

#include <algorithm>
#include <array>

namespace ktape {

namespace {

void store_u64(uint64_t value, std::byte* to) {
  for (int i = 0; i < 8; ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
}

}  // namespace

void PageListDigest::add(const FreezePage& row) {
  std::array<std::byte, 48> bytes{};
  store_u64(row.frame, bytes.data());
  store_u64(row.frames, bytes.data() + 8);
  if (row.hash) {
    std::copy(row.hash->begin(), row.hash->end(), bytes.begin() + 16);
    ++pages_;
  }
  digest_.update(bytes);
}

}  // namespace ktape
