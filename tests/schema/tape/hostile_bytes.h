// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ktape::test {

// The results for tapes with changed bytes. `wrong` names those with a wrong result.
struct BytesTried {
  uint64_t tried = 0;
  uint64_t altered = 0;  // verify says so
  uint64_t refused = 0;  // not a tape, or of a later format
  uint64_t same = 0;     // the byte holds nothing: content and head are as they were
  std::string wrong;
};

// A small tape with one flipped bit: every `stride`th bit, from the `first`, of the bytes in use.
// Each tape is verified and read to its end. Verify has to find each.
BytesTried turn_bits_in_use(size_t first, size_t stride);

// The same with every `stride`th byte flipped that is not in use: a tape with the same content, or
// an altered one.
BytesTried turn_unused_bytes(size_t stride);

// The same, cut short after every `stride`th byte.
BytesTried cut_short(size_t stride);

// "139264 tried: ..."; to standard output, for information.
void print(const char* what, const BytesTried& tried);

}  // namespace ktape::test
