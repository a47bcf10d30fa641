// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "schema/base/digest.h"
#include "schema/base/result.h"

namespace ktape {

// How the bytes of a blob or a page are stored; the values are in tapes.
enum class Codec : int64_t {
  kPlain = 0,
  kZstd = 1,  // one zstd frame with its content size
};

struct Packed {
  Codec codec = Codec::kPlain;
  std::vector<std::byte> data;
};

// Compresses if that makes the content smaller.
[[nodiscard]] Result<Packed> pack(std::span<const std::byte> content);

// The same for many small contents, one after another: sets up the compressor once, and uses a
// level that keeps up with freezes. One thread.
class PagePacker {
 public:
  PagePacker();
  ~PagePacker();
  [[nodiscard]] Result<Packed> pack(std::span<const std::byte> content);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// The inverse, also for untrusted data: kBadInput for an unknown codec, a damaged frame, or content
// over `limit_bytes`, which is never allocated.
[[nodiscard]] Result<std::vector<std::byte>> unpack(int64_t codec, std::span<const std::byte> data,
                                                    size_t limit_bytes);

// The same for many contents, one after another: sets up the decompressor once. One thread.
class Unpacker {
 public:
  Unpacker();
  ~Unpacker();
  [[nodiscard]] Result<std::vector<std::byte>> unpack(int64_t codec,
                                                      std::span<const std::byte> data,
                                                      size_t limit_bytes);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// How many bytes unpack() would return, from the frame's header alone: a damaged frame may claim
// any number up to the limit. Errors as there.
[[nodiscard]] Result<size_t> unpacked_bytes(int64_t codec, std::span<const std::byte> data,
                                            size_t limit_bytes);

// How the rows of blob or page are packed: SHA-256 over the hash, codec and SHA-256(data) of each
// row, in the order in which they were added.
class PackedRows {
 public:
  void add(const Digest& hash, int64_t codec, std::span<const std::byte> data);
  // Finishes the digest.
  [[nodiscard]] Digest finish() { return rows_.finish(); }

 private:
  Sha256 rows_;
};

// The value of Sealed.packedDigest.
[[nodiscard]] Digest packed_digest(PackedRows& blobs, PackedRows& pages);

}  // namespace ktape
