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

// Makes the tape `out` from the sealed tape `path`: the same records, pages and blobs, bit for bit,
// and so the same head digest, with the tables of the current format. `path` is verified first and
// not changed. If another build of ktape made its tables before the current format was final, only
// records, pages and blobs are verified. kBadInput if it is altered, kRefused if it is not sealed,
// kUsage if `out` exists; nothing is left at `out` then.
[[nodiscard]] Result<UpgradedTape> upgrade(const std::string& path, const std::string& out);

}  // namespace ktape
