// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "schema/base/digest.h"

namespace ktape {

// The content of a tape, as counted in its Sealed record.
struct TapeCounts {
  uint64_t records = 0;
  std::map<uint16_t, uint64_t> kinds;
  uint64_t pages = 0;
  uint64_t page_bytes = 0;              // compressed
  std::map<Digest, std::string> blobs;  // names by hash
};

// SHA-256 over hash and SHA-256(name) of every blob, sorted by hash: the value of
// Sealed.blobsDigest.
[[nodiscard]] Digest blobs_digest(const std::map<Digest, std::string>& names);

}  // namespace ktape
