// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/tape_counts.h"

namespace ktape {

Digest blobs_digest(const std::map<Digest, std::string>& names) {
  Sha256 digest;
  for (const auto& [hash, name] : names) {
    digest.update(hash);
    digest.update(sha256(as_bytes(name)));
  }
  return digest.finish();
}

}  // namespace ktape
