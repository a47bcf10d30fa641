// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ktape::test {

// What became of tapes whose bytes were changed. `wrong` names those that should not have ended so.
struct BytesTried {
  uint64_t tried = 0;
  uint64_t altered = 0;  // verify says so
  uint64_t refused = 0;  // not a tape, or of a later format
  uint64_t same = 0;     // the byte holds nothing: content and head are as they were
  std::string wrong;
};

// A small tape with one bit of one byte turned over: of every `stride`th byte. Each is verified and read to
// its end.
BytesTried turn_bits(size_t stride);

// The same, cut short after every `stride`th byte.
BytesTried cut_short(size_t stride);

// "139264 tried: ..."; to standard output, for whoever wants to know.
void print(const char* what, const BytesTried& tried);

}  // namespace ktape::test
