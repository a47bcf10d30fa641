// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// Name of the codec whose magic number `bytes` begin with: "gzip", "xz", "lz4", "zstd", "bzip2", "lzma",
// "lzo"; empty for none of them.
[[nodiscard]] std::string_view codec_of(std::span<const std::byte> bytes);

// Unpacks one stream of `codec` ("gzip", "xz", "lz4" in its legacy framing, "zstd"); bytes after its end are
// ignored. kBadInput when it is damaged, cut short, longer than `limit_bytes` unpacked, or of another codec.
[[nodiscard]] Result<std::vector<std::byte>> unpack(std::string_view codec, std::span<const std::byte> packed,
                                                    size_t limit_bytes);

}  // namespace ktape
