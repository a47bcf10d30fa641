// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/image/unpack.h"

#include <fmt/format.h>
#define ZSTD_STATIC_LINKING_ONLY  // ZSTD_d_stableOutBuffer
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>

#include "schema/base/little_endian.h"

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

// How often input is given back and zero pages of the output are looked for.
constexpr size_t kSliceBytes = size_t{256} << 10;
// xz -9 needs 64 MiB to unpack; a damaged header may ask for 4 GiB.
constexpr uint64_t kXzMemoryBytes = uint64_t{256} << 20;
// LZ4_decompress_safe() is told the room; the legacy format has blocks of exactly 8 MiB unpacked,
// except for the last (lz4, doc/lz4_Frame_format.md).
constexpr size_t kLz4BlockBytes = size_t{8} << 20;

Error damaged(std::string_view codec, std::string_view why) {
  return Error{ErrorCode::kBadInput, fmt::format("damaged {} data: {}", codec, why)};
}

// The packed bytes, in slices.
class Input {
 public:
  Input(std::span<const std::byte> packed, const std::function<void(size_t)>& consumed)
      : packed_(packed), consumed_(consumed) {}

  // Empty at the end. Earlier slices are no longer needed.
  std::span<const std::byte> next() {
    if (consumed_) consumed_(at_);
    const auto slice = packed_.subspan(at_, std::min(kSliceBytes, packed_.size() - at_));
    at_ += slice.size();
    return slice;
  }

 private:
  std::span<const std::byte> packed_;
  const std::function<void(size_t)>& consumed_;
  size_t at_ = 0;
};

// The unpacked bytes, in one buffer. Decoders write to `room()` and report the number of bytes with
// `used()`.
class Output {
 public:
  // One byte more than allowed: a stream that fills the whole buffer is over the limit, and no
  // decoder has to be asked twice.
  explicit Output(size_t limit_bytes) : limit_bytes_(limit_bytes), bytes_(limit_bytes + 1) {}

  // Empty once the limit is exceeded.
  std::span<std::byte> room() { return {bytes_.data() + filled_, bytes_.size() - filled_}; }
  void used(size_t bytes) {
    filled_ += bytes;
    if (filled_ - sifted_ < kSliceBytes) return;
    bytes_.release_zeros(sifted_, filled_ - sifted_);
    // Only whole slices: the one that is being filled is looked at when it is complete.
    sifted_ = filled_ / kSliceBytes * kSliceBytes;
  }
  [[nodiscard]] Error over_limit(std::string_view codec) const {
    return Error{ErrorCode::kBadInput,
                 fmt::format("{} data unpacks to more than {} bytes", codec, limit_bytes_)};
  }
  PageBuffer take() {
    bytes_.release_zeros(sifted_, filled_ - sifted_);
    bytes_.resize(filled_);
    return std::move(bytes_);
  }

 private:
  size_t limit_bytes_;
  size_t filled_ = 0;
  size_t sifted_ = 0;  // pages of zeros have been dropped up to here
  PageBuffer bytes_;
};

uInt zlib_length(size_t bytes) {
  return static_cast<uInt>(std::min<size_t>(bytes, std::numeric_limits<uInt>::max()));
}

Result<PageBuffer> unpack_gzip(Input input, Output output) {
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  z_stream stream{};
  // 16 + MAX_WBITS: gzip framing only (zlib.h, inflateInit2); a raw deflate stream is not a kernel.
  if (inflateInit2(&stream, kGzipOnly) != Z_OK)
    return Error{ErrorCode::kHost, "cannot initialise zlib"};
  std::unique_ptr<z_stream, decltype(&inflateEnd)> guard(&stream, &inflateEnd);
  for (;;) {
    if (stream.avail_in == 0) {
      const auto slice = input.next();
      if (slice.empty()) return damaged("gzip", "it is cut short");
      stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(slice.data()));
      stream.avail_in = zlib_length(slice.size());
    }
    const auto room = output.room();
    if (room.empty()) return output.over_limit("gzip");
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = zlib_length(room.size());
    const uInt before = stream.avail_out;
    const int status = inflate(&stream, Z_NO_FLUSH);
    output.used(before - stream.avail_out);
    if (status == Z_STREAM_END) return output.take();
    if (status != Z_OK) return damaged("gzip", stream.msg ? stream.msg : "it cannot be decoded");
  }
}

Result<PageBuffer> unpack_xz(Input input, Output output) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kXzMemoryBytes, 0) != LZMA_OK) {
    return Error{ErrorCode::kHost, "cannot initialise liblzma"};
  }
  std::unique_ptr<lzma_stream, decltype(&lzma_end)> guard(&stream, &lzma_end);
  for (;;) {
    if (stream.avail_in == 0) {
      const auto slice = input.next();
      if (slice.empty()) return damaged("xz", "it is cut short");
      stream.next_in = reinterpret_cast<const uint8_t*>(slice.data());
      stream.avail_in = slice.size();
    }
    const auto room = output.room();
    if (room.empty()) return output.over_limit("xz");
    stream.next_out = reinterpret_cast<uint8_t*>(room.data());
    stream.avail_out = room.size();
    const lzma_ret status = lzma_code(&stream, LZMA_RUN);
    output.used(room.size() - stream.avail_out);
    if (status == LZMA_STREAM_END) return output.take();
    if (status == LZMA_MEMLIMIT_ERROR) return damaged("xz", "unpacking it needs more than 256 MiB");
    if (status != LZMA_OK) return damaged("xz", "it cannot be decoded");
  }
}

// Kernels are packed with a window as large as the kernel, so all unpacked bytes must stay until
// the end. A stable output buffer avoids a second copy in libzstd's window.
Result<PageBuffer> unpack_zstd(Input input, Output output) {
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  if (!context) return Error{ErrorCode::kHost, "cannot initialise libzstd"};
  // If libzstd no longer has this parameter, it only needs more memory.
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_stableOutBuffer, 1);
  const auto room = output.room();
  ZSTD_outBuffer out{room.data(), room.size(), 0};
  for (;;) {
    const auto slice = input.next();
    if (slice.empty()) return damaged("zstd", "it is cut short");
    ZSTD_inBuffer in{slice.data(), slice.size(), 0};
    while (in.pos < in.size) {
      const size_t before = out.pos;
      const size_t status = ZSTD_decompressStream(context.get(), &out, &in);
      output.used(out.pos - before);
      // libzstd reports a full stable buffer as an error, not as a full buffer.
      const bool full =
          ZSTD_getErrorCode(status) == ZSTD_error_dstSize_tooSmall || out.pos == out.size;
      if (full) return output.over_limit("zstd");
      if (ZSTD_isError(status)) return damaged("zstd", ZSTD_getErrorName(status));
      if (status == 0) return output.take();
    }
  }
}

// Legacy framing: the magic number, then blocks of a length and that many packed bytes.
Result<PageBuffer> unpack_lz4(std::span<const std::byte> packed, Output output,
                              const std::function<void(size_t)>& consumed) {
  uint64_t at = 4;
  while (auto length = load<uint32_t>(packed, at)) {
    if (consumed) consumed(at);
    at += 4;
    if (*length == 0 || *length > packed.size() - at) return damaged("lz4", "it is cut short");
    const auto room = output.room();
    if (room.empty()) return output.over_limit("lz4");
    const int bytes = LZ4_decompress_safe(
        reinterpret_cast<const char*>(packed.data() + at), reinterpret_cast<char*>(room.data()),
        static_cast<int>(*length), static_cast<int>(std::min(kLz4BlockBytes, room.size())));
    if (bytes < 0) return damaged("lz4", "it cannot be decoded, or is too long");
    output.used(static_cast<size_t>(bytes));
    at += *length;
  }
  if (at != packed.size()) return damaged("lz4", "it is cut short");
  if (output.room().empty()) return output.over_limit("lz4");
  return output.take();
}

}  // namespace

std::string_view codec_of(std::span<const std::byte> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Magic& magic : kMagics) {
    if (text.starts_with(magic.bytes)) return magic.codec;
  }
  return {};
}

Result<PageBuffer> unpack(std::string_view codec, std::span<const std::byte> packed,
                          size_t limit_bytes, const std::function<void(size_t)>& consumed) {
  if (codec == "gzip") return unpack_gzip({packed, consumed}, Output(limit_bytes));
  if (codec == "xz") return unpack_xz({packed, consumed}, Output(limit_bytes));
  if (codec == "lz4") return unpack_lz4(packed, Output(limit_bytes), consumed);
  if (codec == "zstd") return unpack_zstd({packed, consumed}, Output(limit_bytes));
  return Error{ErrorCode::kBadInput,
               fmt::format("it is packed with {}; ktape unpacks gzip, xz, lz4 and zstd", codec)};
}

}  // namespace ktape
