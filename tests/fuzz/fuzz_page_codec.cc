// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "schema/tape/codec.h"
#include "schema/tape/page_list.h"

// The first byte is the codec, the rest a page as stored in a tape.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kLimitBytes = 4096;
  if (size == 0) return 0;
  const auto content =
      ktape::unpack(data[0], std::as_bytes(std::span(data + 1, size - 1)), kLimitBytes);
  if (content.ok() && content->size() > kLimitBytes) std::abort();
  return 0;
}
