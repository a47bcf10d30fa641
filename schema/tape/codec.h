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

// How the bytes of a blob or a page are kept; the values are in tapes.
enum class Codec : int64_t {
  kPlain = 0,
  kZstd = 1,  // one zstd frame that tells its content's size
};

struct Packed {
  Codec codec = Codec::kPlain;
  std::vector<std::byte> data;
};

// Compressed where that makes it smaller.
[[nodiscard]] Result<Packed> pack(std::span<const std::byte> content);

// The same for many small contents, one after the other: what the compressor needs is set up once,
// and its level is one that keeps up with freezes. One thread.
class PagePacker {
 public:
  PagePacker();
  ~PagePacker();
  [[nodiscard]] Result<Packed> pack(std::span<const std::byte> content);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// The inverse, for data that may come from a stranger: kBadInput for a codec that is not known, a
// damaged frame, or content over `limit_bytes`, which is never allocated.
[[nodiscard]] Result<std::vector<std::byte>> unpack(int64_t codec, std::span<const std::byte> data,
                                                    size_t limit_bytes);

// The same for many, one after the other: what the decompressor needs is set up once. One thread.
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

// How the rows of blob, or of page, are packed: SHA-256 over hash, codec and SHA-256(data) of each,
// in the order they were added.
class PackedRows {
 public:
  void add(const Digest& hash, int64_t codec, std::span<const std::byte> data);
  // Ends the digest.
  [[nodiscard]] Digest finish() { return rows_.finish(); }

 private:
  Sha256 rows_;
};

// What Sealed.packedDigest says.
[[nodiscard]] Digest packed_digest(PackedRows& blobs, PackedRows& pages);

}  // namespace ktape
