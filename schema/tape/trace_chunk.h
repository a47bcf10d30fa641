// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "schema/base/result.h"
#include "schema/record.capnp.h"

namespace ktape {

inline constexpr size_t kMaxTraceChunkBytes = size_t{4} << 20;  // of sub-buffers, unpacked

// Sets `pages`, `codec` and `subBufferBytes` of a chunk: sub-buffers of this size, one after
// another. kUsage for a size that no kernel has, or a part of a sub-buffer; kOutOfRange for more
// than kMaxTraceChunkBytes. The other members are the caller's.
[[nodiscard]] Result<void> write_sub_buffers(std::span<const std::byte> bytes,
                                             uint32_t sub_buffer_bytes,
                                             schema::TraceChunk::Builder to);

// What a chunk holds, unpacked.
struct SubBuffers {
  std::vector<std::byte> bytes;
  uint32_t sub_buffer_bytes = 0;

  [[nodiscard]] size_t count() const { return bytes.size() / sub_buffer_bytes; }
  [[nodiscard]] std::span<const std::byte> at(size_t index) const {
    return std::span(bytes).subspan(index * sub_buffer_bytes, sub_buffer_bytes);
  }
};

// What it says that it holds; nothing is unpacked. Errors as read_sub_buffers(), but a damaged
// frame is not noticed.
struct SubBufferSizes {
  uint32_t count = 0;
  uint32_t each_bytes = 0;
};
[[nodiscard]] Result<SubBufferSizes> sub_buffer_sizes(schema::TraceChunk::Reader chunk);

// kBadInput, with the cause, for a chunk of a stranger's tape that is none.
[[nodiscard]] Result<SubBuffers> read_sub_buffers(schema::TraceChunk::Reader chunk);

}  // namespace ktape
