// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/trace_chunk.h"

#include <bit>
#include <string>

#include "schema/tape/codec.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

constexpr uint32_t kUsualSubBufferBytes = 4096;  // of a chunk that does not say

// 4096 << buffer_subbuf_size_kb's order; the larger ones do not fit into a chunk.
bool is_size(uint32_t bytes) {
  return std::has_single_bit(bytes) && bytes >= kUsualSubBufferBytes &&
         bytes <= kMaxTraceChunkBytes;
}

Error no_chunk(ErrorCode code, const std::string& why) {
  return Error{code, "not the sub-buffers of a trace ring: " + why, ""};
}

Result<void> check(size_t bytes, uint32_t sub_buffer_bytes, ErrorCode code) {
  if (!is_size(sub_buffer_bytes)) {
    return no_chunk(code,
                    std::to_string(sub_buffer_bytes) + " bytes is not the size of a sub-buffer");
  }
  if (bytes % sub_buffer_bytes != 0) {
    return no_chunk(code, std::to_string(bytes) + " bytes is not a multiple of " +
                              std::to_string(sub_buffer_bytes));
  }
  return {};
}

uint32_t each_bytes(schema::TraceChunk::Reader chunk) {
  return chunk.getSubBufferBytes() == 0 ? kUsualSubBufferBytes : chunk.getSubBufferBytes();
}

std::span<const std::byte> packed_of(schema::TraceChunk::Reader chunk) {
  const auto pages = chunk.getPages();
  return std::as_bytes(std::span(pages.begin(), pages.size()));
}

}  // namespace

Result<void> write_sub_buffers(std::span<const std::byte> bytes, uint32_t sub_buffer_bytes,
                               schema::TraceChunk::Builder to) {
  KTAPE_TRY(check(bytes.size(), sub_buffer_bytes, ErrorCode::kUsage));
  if (bytes.size() > kMaxTraceChunkBytes) {
    return no_chunk(ErrorCode::kOutOfRange, std::to_string(bytes.size()) + " bytes, of at most " +
                                                std::to_string(kMaxTraceChunkBytes));
  }
  KTAPE_ASSIGN(const Packed packed, pack(bytes));
  to.setPages(as_data(packed.data));
  to.setCodec(static_cast<uint8_t>(packed.codec));
  to.setSubBufferBytes(sub_buffer_bytes);
  return {};
}

Result<SubBufferSizes> sub_buffer_sizes(schema::TraceChunk::Reader chunk) {
  const uint32_t each = each_bytes(chunk);
  KTAPE_ASSIGN(const size_t bytes,
               unpacked_bytes(chunk.getCodec(), packed_of(chunk), kMaxTraceChunkBytes));
  KTAPE_TRY(check(bytes, each, ErrorCode::kBadInput));
  return SubBufferSizes{static_cast<uint32_t>(bytes / each), each};
}

Result<SubBuffers> read_sub_buffers(schema::TraceChunk::Reader chunk) {
  SubBuffers read{{}, each_bytes(chunk)};
  KTAPE_ASSIGN(read.bytes, unpack(chunk.getCodec(), packed_of(chunk), kMaxTraceChunkBytes));
  KTAPE_TRY(check(read.bytes.size(), read.sub_buffer_bytes, ErrorCode::kBadInput));
  return read;
}

}  // namespace ktape
