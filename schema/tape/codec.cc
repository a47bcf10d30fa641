// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/codec.h"

#include <zstd.h>

#include <array>
#include <string>

#include "schema/base/page_buffer.h"

namespace ktape {

namespace {

// Level 9 makes kernel symbols 1 % smaller, but libzstd then takes 9 MB more memory.
constexpr int kLevel = 8;
// The guest waits for its reply while this compresses.
constexpr int kPageLevel = 3;

Error too_large(unsigned long long bytes, size_t limit_bytes) {
  return bad_input("its content of " + std::to_string(bytes) + " bytes is over the limit of " +
                   std::to_string(limit_bytes));
}

Error no_codec(int64_t codec) {
  return bad_input("its codec " + std::to_string(codec) + " does not exist");
}

Error does_not_start() { return Error{ErrorCode::kHost, "cannot initialize libzstd", ""}; }

Result<size_t> content_bytes(std::span<const std::byte> data, size_t limit_bytes) {
  const unsigned long long size = ZSTD_getFrameContentSize(data.data(), data.size());
  // Our own writer always stores the size; without it the content could not be bounded before it is
  // unpacked.
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return bad_input("it is not a zstd frame with its content size");
  }
  if (size > limit_bytes) return too_large(size, limit_bytes);
  return static_cast<size_t>(size);
}

Result<std::vector<std::byte>> decompress(ZSTD_DCtx* zstd, std::span<const std::byte> data,
                                          size_t limit_bytes) {
  // Before anything is allocated.
  KTAPE_ASSIGN(const size_t size, content_bytes(data, limit_bytes));
  // A decoder accepts several frames, and skips those that it does not know.
  if (ZSTD_findFrameCompressedSize(data.data(), data.size()) != data.size()) {
    return bad_input("it is not one whole zstd frame");
  }
  if (zstd == nullptr) return does_not_start();
  std::vector<std::byte> content(size);
  size_t got = ZSTD_decompressDCtx(zstd, content.data(), content.size(), data.data(), data.size());
  // The frame's own checksum, if it has one, is checked by the decoder.
  if (ZSTD_isError(got) != 0)
    return bad_input(std::string("its zstd frame is damaged: ") + ZSTD_getErrorName(got));
  if (got != size) return bad_input("its zstd frame has less content than its header says");
  return content;
}

}  // namespace

namespace {

// Compresses if that makes the content smaller, with a function that takes the destination, its
// room and the source. `Room` holds the largest result.
template <typename Room, typename Compress>
Result<Packed> pack_by(Compress compress, std::span<const std::byte> content) {
  // Room for the worst case, so that compression never fails for lack of it.
  Room room(ZSTD_compressBound(content.size()));
  const size_t size = compress(room.data(), room.size(), content.data(), content.size());
  if (ZSTD_isError(size) != 0) {
    return Error{ErrorCode::kHost, std::string("cannot compress: ") + ZSTD_getErrorName(size), ""};
  }
  // Incompressible content costs no unpacking later.
  if (size >= content.size()) return Packed{Codec::kPlain, {content.begin(), content.end()}};
  return Packed{Codec::kZstd, {room.data(), room.data() + size}};
}

}  // namespace

Result<Packed> pack(std::span<const std::byte> content) {
  // Pages of its own for one large buffer: blobs are megabytes, and the heap would keep them.
  return pack_by<PageBuffer>([](auto... what) { return ZSTD_compress(what..., kLevel); }, content);
}

struct PagePacker::Context {
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> zstd{ZSTD_createCCtx(), &ZSTD_freeCCtx};
};

PagePacker::PagePacker() : context_(std::make_unique<Context>()) {}
PagePacker::~PagePacker() = default;

Result<Packed> PagePacker::pack(std::span<const std::byte> content) {
  ZSTD_CCtx* zstd = context_->zstd.get();
  if (zstd == nullptr) return does_not_start();
  return pack_by<std::vector<std::byte>>(
      [&](auto... what) { return ZSTD_compressCCtx(zstd, what..., kPageLevel); }, content);
}

struct Unpacker::Context {
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> zstd{ZSTD_createDCtx(), &ZSTD_freeDCtx};
};

Unpacker::Unpacker() : context_(std::make_unique<Context>()) {}
Unpacker::~Unpacker() = default;

Result<std::vector<std::byte>> Unpacker::unpack(int64_t codec, std::span<const std::byte> data,
                                                size_t limit_bytes) {
  switch (static_cast<Codec>(codec)) {
    case Codec::kPlain:
      if (data.size() > limit_bytes) return too_large(data.size(), limit_bytes);
      return std::vector<std::byte>(data.begin(), data.end());
    case Codec::kZstd: return decompress(context_->zstd.get(), data, limit_bytes);
  }
  return no_codec(codec);
}

Result<size_t> unpacked_bytes(int64_t codec, std::span<const std::byte> data, size_t limit_bytes) {
  switch (static_cast<Codec>(codec)) {
    case Codec::kPlain:
      if (data.size() > limit_bytes) return too_large(data.size(), limit_bytes);
      return data.size();
    case Codec::kZstd: return content_bytes(data, limit_bytes);
  }
  return no_codec(codec);
}

Result<std::vector<std::byte>> unpack(int64_t codec, std::span<const std::byte> data,
                                      size_t limit_bytes) {
  return Unpacker().unpack(codec, data, limit_bytes);
}

void PackedRows::add(const Digest& hash, int64_t codec, std::span<const std::byte> data) {
  std::array<std::byte, sizeof codec> little_endian;
  // The format's order, whatever the host's.
  for (size_t i = 0; i < little_endian.size(); ++i)
    little_endian[i] = std::byte(codec >> (8 * i) & 0xff);
  rows_.update(hash);
  rows_.update(little_endian);
  // The packed bytes, not the content: two files that unpack alike but differ would otherwise have
  // one digest.
  rows_.update(sha256(data));
}

Digest packed_digest(PackedRows& blobs, PackedRows& pages) {
  Sha256 both;
  both.update(blobs.finish());
  both.update(pages.finish());
  return both.finish();
}

}  // namespace ktape
