// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/trace_chunk.h"

#include <capnp/message.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "schema/tape/codec.h"
#include "schema/wire/data.h"
#include "tests/support/must.h"

namespace ktape::test {
namespace {

class ChunkFixture {
 private:
  capnp::MallocMessageBuilder message_;

 public:
  schema::TraceChunk::Builder chunk = message_.initRoot<schema::TraceChunk>();

  [[nodiscard]] Error read_error() const {
    const auto read = read_sub_buffers(chunk.asReader());
    REQUIRE(!read.ok());
    const auto sizes = sub_buffer_sizes(chunk.asReader());
    REQUIRE(!sizes.ok());
    CHECK(sizes.error().message == read.error().message);
    return read.error();
  }
};

std::vector<std::byte> bytes(size_t size) { return std::vector<std::byte>(size, std::byte{7}); }

TEST_CASE_METHOD(ChunkFixture, "Sub-buffers are packed, and come back") {
  for (const uint32_t size : {4096u, 8192u, 4u << 20}) {
    const auto content = bytes(size);
    must(write_sub_buffers(content, size, chunk));
    CHECK(chunk.getPages().size() < 1000);
    CHECK(chunk.getCodec() == static_cast<uint8_t>(Codec::kZstd));
    const SubBuffers read = must(read_sub_buffers(chunk.asReader()));
    CHECK(read.bytes == content);
    CHECK(read.count() == 1);
    CHECK(must(sub_buffer_sizes(chunk.asReader())).count == 1);
    CHECK(must(sub_buffer_sizes(chunk.asReader())).each_bytes == size);
    CHECK(read.at(0).size() == size);
  }
}

TEST_CASE_METHOD(ChunkFixture, "A chunk without sub-buffers is one for the counters") {
  must(write_sub_buffers({}, 4096, chunk));
  CHECK(must(read_sub_buffers(chunk.asReader())).count() == 0);
}

TEST_CASE_METHOD(ChunkFixture, "A chunk that says neither size nor codec has plain pages") {
  const auto content = bytes(8192);
  chunk.setPages(as_data(content));
  const SubBuffers read = must(read_sub_buffers(chunk.asReader()));
  CHECK(read.sub_buffer_bytes == 4096);
  CHECK(read.count() == 2);
}

TEST_CASE_METHOD(ChunkFixture, "What is no sub-buffer is not written") {
  const auto written = [&](size_t size, uint32_t sub_buffer) {
    return write_sub_buffers(bytes(size), sub_buffer, chunk).error();
  };
  CHECK(written(4096, 4095).message ==
        "not the sub-buffers of a trace ring: 4095 bytes is not the size of a sub-buffer");
  CHECK(written(4096, 0).code == ErrorCode::kUsage);
  CHECK(written(4096, 2048).code == ErrorCode::kUsage);
  CHECK(written(4096, 12288).code == ErrorCode::kUsage);
  CHECK(written(4096, 8u << 20).code == ErrorCode::kUsage);
  CHECK(written(5000, 4096).message ==
        "not the sub-buffers of a trace ring: 5000 bytes is not a multiple of 4096");
  CHECK(written((size_t{4} << 20) + 4096, 4096).code == ErrorCode::kOutOfRange);
}

TEST_CASE_METHOD(ChunkFixture, "A stranger's chunk is refused with the cause") {
  chunk.setPages(as_data(std::string_view("abc")));
  CHECK(read_error().message ==
        "not the sub-buffers of a trace ring: 3 bytes is not a multiple of 4096");
  CHECK(read_error().code == ErrorCode::kBadInput);
  chunk.setCodec(9);
  CHECK(read_error().code == ErrorCode::kBadInput);
  chunk.setCodec(1);
  CHECK(read_error().code == ErrorCode::kBadInput);
  chunk.setCodec(0);
  chunk.setSubBufferBytes(1);
  CHECK(read_error().message ==
        "not the sub-buffers of a trace ring: 1 bytes is not the size of a sub-buffer");
}

TEST_CASE_METHOD(ChunkFixture, "A chunk that unpacks to more than 4 MiB is refused") {
  const Packed packed = must(pack(bytes((size_t{4} << 20) + 4096)));
  chunk.setPages(as_data(packed.data));
  chunk.setCodec(static_cast<uint8_t>(packed.codec));
  CHECK(read_error().code == ErrorCode::kBadInput);
}

}  // namespace
}  // namespace ktape::test
