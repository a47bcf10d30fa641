// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

#include "schema/base/page_buffer.h"
#include "schema/base/result.h"

namespace ktape {

// The codec whose magic number `bytes` begin with: "gzip", "xz", "lz4", "zstd", "bzip2", "lzma",
// "lzo"; empty if none.
[[nodiscard]] std::string_view codec_of(std::span<const std::byte> bytes);

// Unpacks one stream of `codec` ("gzip", "xz", "lz4" in its legacy framing, "zstd"); ignores bytes
// after its end. kBadInput if it is damaged, truncated, longer than `limit_bytes` unpacked, or of
// another codec. Uses memory only for nonzero pages. `consumed` is called now and then with the
// number of packed bytes that are no longer needed.
[[nodiscard]] Result<PageBuffer> unpack(std::string_view codec, std::span<const std::byte> packed,
                                        size_t limit_bytes,
                                        const std::function<void(size_t)>& consumed = {});

}  // namespace ktape
