// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "schema/base/result.h"
#include "schema/tape/writing/writer.h"

namespace ktape {

struct UpgradedTape {
  int32_t from_format = 0;
  SealedTape tape;
};

// Makes the tape `out` of the sealed tape `path`: the same records, pages and blobs, bit for bit,
// and so the same head digest, with the tables of today's format. `path` is verified first, and not
// touched; of one whose tables another build of ktape made, while today's format was open, records,
// pages and blobs are. kBadInput when it is altered, kRefused when it is not sealed, kUsage when
// `out` exists; nothing is left at `out` then.
[[nodiscard]] Result<UpgradedTape> upgrade(const std::string& path, const std::string& out);

}  // namespace ktape
