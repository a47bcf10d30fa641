// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/unpack.h"

#include <fmt/format.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>

#include "guest/kernel/little_endian.h"

namespace ktape {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view codec;
  std::string_view bytes;
};

constexpr std::array kMagics = {
    Magic{"gzip", "\x1f\x8b"sv},
    Magic{"xz",
          "\xfd"
          "7zXZ\0"sv},
    Magic{"lz4", "\x02\x21\x4c\x18"sv},
    Magic{"zstd", "\x28\xb5\x2f\xfd"sv},
    Magic{"bzip2", "BZh"sv},
    Magic{"lzma", "\x5d\0\0"sv},
    Magic{"lzo", "\x89LZO"sv},
};

constexpr size_t kFirstOutputBytes = size_t{4} << 20;
constexpr uint64_t kXzMemoryBytes = uint64_t{256} << 20;
constexpr size_t kLz4BlockBytes = size_t{8} << 20;

Error damaged(std::string_view codec, std::string_view why) {
  return Error{ErrorCode::kBadInput, fmt::format("damaged {} data: {}", codec, why)};
}

// A growing output buffer. Decoders write to `room()` and say how much with `used()`.
class Output {
 public:
  explicit Output(size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // At least one byte of room; empty when the limit is reached.
  std::span<std::byte> room() {
    if (filled_ == bytes_.size()) {
      bytes_.resize(std::min(limit_bytes_, std::max(kFirstOutputBytes, 2 * bytes_.size())));
    }
    return std::span(bytes_).subspan(filled_);
  }
  void used(size_t bytes) { filled_ += bytes; }
  [[nodiscard]] Error over_limit(std::string_view codec) const {
    return Error{ErrorCode::kBadInput,
                 fmt::format("{} data unpacks to more than {} bytes", codec, limit_bytes_)};
  }
  std::vector<std::byte> take() {
    bytes_.resize(filled_);
    return std::move(bytes_);
  }

 private:
  size_t limit_bytes_;
  size_t filled_ = 0;
  std::vector<std::byte> bytes_;
};

uInt zlib_length(size_t bytes) {
  return static_cast<uInt>(std::min<size_t>(bytes, std::numeric_limits<uInt>::max()));
}

Result<std::vector<std::byte>> unpack_gzip(std::span<const std::byte> packed, size_t limit_bytes) {
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  z_stream stream{};
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) return Error{ErrorCode::kHost, "zlib does not start"};
  std::unique_ptr<z_stream, decltype(&inflateEnd)> guard(&stream, &inflateEnd);
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(packed.data()));
  stream.avail_in = zlib_length(packed.size());
  Output output(limit_bytes);
  for (;;) {
    auto room = output.room();
    if (room.empty()) return output.over_limit("gzip");
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = zlib_length(room.size());
    uInt before = stream.avail_out;
    int status = inflate(&stream, Z_NO_FLUSH);
    output.used(before - stream.avail_out);
    if (status == Z_STREAM_END) return output.take();
    if (status == Z_BUF_ERROR || (status == Z_OK && stream.avail_in == 0 && stream.avail_out != 0)) {
      return damaged("gzip", "it is cut short");
    }
    if (status != Z_OK) return damaged("gzip", stream.msg ? stream.msg : "it cannot be decoded");
  }
}

Result<std::vector<std::byte>> unpack_xz(std::span<const std::byte> packed, size_t limit_bytes) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kXzMemoryBytes, 0) != LZMA_OK) {
    return Error{ErrorCode::kHost, "liblzma does not start"};
  }
  std::unique_ptr<lzma_stream, decltype(&lzma_end)> guard(&stream, &lzma_end);
  stream.next_in = reinterpret_cast<const uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  Output output(limit_bytes);
  for (;;) {
    auto room = output.room();
    if (room.empty()) return output.over_limit("xz");
    stream.next_out = reinterpret_cast<uint8_t*>(room.data());
    stream.avail_out = room.size();
    lzma_ret status = lzma_code(&stream, LZMA_RUN);
    output.used(room.size() - stream.avail_out);
    if (status == LZMA_STREAM_END) return output.take();
    if (status == LZMA_BUF_ERROR) return damaged("xz", "it is cut short");
    if (status == LZMA_MEMLIMIT_ERROR) return damaged("xz", "it asks for more than 256 MiB to unpack");
    if (status != LZMA_OK) return damaged("xz", "it cannot be decoded");
  }
}

Result<std::vector<std::byte>> unpack_zstd(std::span<const std::byte> packed, size_t limit_bytes) {
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  if (!context) return Error{ErrorCode::kHost, "libzstd does not start"};
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  Output output(limit_bytes);
  for (;;) {
    auto room = output.room();
    if (room.empty()) return output.over_limit("zstd");
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    size_t status = ZSTD_decompressStream(context.get(), &out, &in);
    output.used(out.pos);
    if (ZSTD_isError(status)) return damaged("zstd", ZSTD_getErrorName(status));
    if (status == 0) return output.take();
    if (in.pos == in.size && out.pos < out.size) return damaged("zstd", "it is cut short");
  }
}

// Legacy framing: the magic number, then blocks of a length and that many packed bytes.
Result<std::vector<std::byte>> unpack_lz4(std::span<const std::byte> packed, size_t limit_bytes) {
  std::vector<std::byte> output;
  std::vector<char> block(kLz4BlockBytes);
  uint64_t at = 4;
  while (auto length = load<uint32_t>(packed, at)) {
    at += 4;
    if (*length == 0 || *length > packed.size() - at) return damaged("lz4", "it is cut short");
    int bytes = LZ4_decompress_safe(reinterpret_cast<const char*>(packed.data() + at), block.data(),
                                    static_cast<int>(*length), static_cast<int>(block.size()));
    if (bytes < 0) return damaged("lz4", "it cannot be decoded");
    if (static_cast<size_t>(bytes) > limit_bytes - output.size())
      return Output(limit_bytes).over_limit("lz4");
    auto* begin = reinterpret_cast<const std::byte*>(block.data());
    output.insert(output.end(), begin, begin + bytes);
    at += *length;
  }
  if (at != packed.size()) return damaged("lz4", "it is cut short");
  return output;
}

}  // namespace

std::string_view codec_of(std::span<const std::byte> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Magic& magic : kMagics) {
    if (text.starts_with(magic.bytes)) return magic.codec;
  }
  return {};
}

Result<std::vector<std::byte>> unpack(std::string_view codec, std::span<const std::byte> packed,
                                      size_t limit_bytes) {
  if (codec == "gzip") return unpack_gzip(packed, limit_bytes);
  if (codec == "xz") return unpack_xz(packed, limit_bytes);
  if (codec == "lz4") return unpack_lz4(packed, limit_bytes);
  if (codec == "zstd") return unpack_zstd(packed, limit_bytes);
  return Error{ErrorCode::kBadInput,
               fmt::format("it is packed with {}; ktape unpacks gzip, xz, lz4 and zstd", codec)};
}

}  // namespace ktape
