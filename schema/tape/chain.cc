// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/chain.h"

#include <algorithm>
#include <array>

namespace ktape {

Digest next_link(const Digest& previous, std::span<const std::byte> record) {
  Digest digest = sha256(record);
  std::array<std::byte, 64> both;
  std::copy(previous.begin(), previous.end(), both.begin());
  std::copy(digest.begin(), digest.end(), both.begin() + 32);
  return sha256(both);
}

}  // namespace ktape
