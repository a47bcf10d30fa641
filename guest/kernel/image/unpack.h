// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

#include "schema/base/page_buffer.h"
#include "schema/base/result.h"

namespace ktape {

// Name of the codec whose magic number `bytes` begin with: "gzip", "xz", "lz4", "zstd", "bzip2",
// "lzma", "lzo"; empty for none of them.
[[nodiscard]] std::string_view codec_of(std::span<const std::byte> bytes);

// Unpacks one stream of `codec` ("gzip", "xz", "lz4" in its legacy framing, "zstd"); bytes after
// its end are ignored. kBadInput when it is damaged, cut short, longer than `limit_bytes` unpacked,
// or of another codec. Takes memory for what is not zeros. `consumed` is told now and then how many
// of the packed bytes are not looked at any more.
[[nodiscard]] Result<PageBuffer> unpack(std::string_view codec, std::span<const std::byte> packed,
                                        size_t limit_bytes,
                                        const std::function<void(size_t)>& consumed = {});

}  // namespace ktape
