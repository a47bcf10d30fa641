// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/image/kernel_image.h"

#include <lz4hc.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <functional>
#include <random>

#include "guest/kernel/image/elf_image.h"
#include "tests/support/kernel/synthetic_kernel.h"

namespace ktape {
namespace {

using Bytes = std::vector<std::byte>;
using Catch::Matchers::ContainsSubstring;
using synthetic::append_u32;
using synthetic::bytes_of;

// Large enough for several lz4 blocks and buffer growths, partly incompressible.
Bytes make_vmlinux() {
  Bytes text(10 << 20);
  std::mt19937 random(7);
  for (size_t i = 0; i < text.size(); i += 64) text[i] = static_cast<std::byte>(random());
  return synthetic::make_elf({{".text", 0xffffffff81000000, text}});
}

Bytes pack_gzip(const Bytes& plain) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes packed(deflateBound(&stream, plain.size()));
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// As scripts/xz_wrap.sh does: x86 branch filter, CRC32.
Bytes pack_xz(const Bytes& plain) {
  lzma_options_lzma options;
  lzma_lzma_preset(&options, 0);
  std::array<lzma_filter, 3> filters = {
      {{LZMA_FILTER_X86, nullptr}, {LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}}};
  Bytes packed(lzma_stream_buffer_bound(plain.size()));
  size_t size = 0;
  REQUIRE(lzma_stream_buffer_encode(filters.data(), LZMA_CHECK_CRC32, nullptr,
                                    reinterpret_cast<const uint8_t*>(plain.data()), plain.size(),
                                    reinterpret_cast<uint8_t*>(packed.data()), &size,
                                    packed.size()) == LZMA_OK);
  packed.resize(size);
  return packed;
}

Bytes pack_lz4(const Bytes& plain) {
  constexpr size_t kBlock = 8 << 20;
  Bytes packed = bytes_of("\x02\x21\x4c\x18");
  for (size_t at = 0; at < plain.size(); at += kBlock) {
    auto size = static_cast<int>(std::min(kBlock, plain.size() - at));
    Bytes block(static_cast<size_t>(LZ4_compressBound(size)));
    int used = LZ4_compress_default(reinterpret_cast<const char*>(plain.data() + at),
                                    reinterpret_cast<char*>(block.data()), size,
                                    static_cast<int>(block.size()));
    REQUIRE(used > 0);
    append_u32(packed, static_cast<uint64_t>(used));
    packed.insert(packed.end(), block.begin(), block.begin() + used);
  }
  return packed;
}

// The kernel's build compresses from a pipe, so the frame does not have its content size.
Bytes pack_zstd(const Bytes& plain) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  Bytes packed(ZSTD_compressBound(plain.size()));
  size_t size = ZSTD_compress2(context, packed.data(), packed.size(), plain.data(), plain.size());
  ZSTD_freeCCtx(context);
  REQUIRE_FALSE(ZSTD_isError(size));
  packed.resize(size);
  return packed;
}

struct Codec {
  const char* name;
  Bytes (*pack)(const Bytes&);
  bool with_size;
};

constexpr std::array kCodecs = {Codec{"gzip", pack_gzip, false}, Codec{"xz", pack_xz, true},
                                Codec{"lz4", pack_lz4, true}, Codec{"zstd", pack_zstd, true}};

Codec any_codec() { return kCodecs[GENERATE(0, 1, 2, 3)]; }

std::string image_error(const Bytes& file) {
  auto image = unpack_kernel_image(PageBuffer(file), "x");
  REQUIRE_FALSE(image.ok());
  CHECK(image.error().code == ErrorCode::kBadInput);
  CHECK_THAT(image.error().message, ContainsSubstring("kernel 'x' is not usable: "));
  return image.error().message;
}

std::string error_of_payload(std::string_view magic) {
  return image_error(
      synthetic::make_bzimage(bytes_of(std::string(magic) + std::string(64, 'x')), 64, true));
}

std::string error_of_path(const std::string& path, ErrorCode code) {
  auto image = load_kernel_image(path);
  REQUIRE_FALSE(image.ok());
  CHECK(image.error().code == code);
  return image.error().message;
}

}  // namespace

TEST_CASE("a bzImage of every supported codec unpacks to its vmlinux") {
  Codec codec = any_codec();
  INFO(codec.name);
  Bytes vmlinux = make_vmlinux();
  Bytes file = synthetic::make_bzimage(codec.pack(vmlinux), vmlinux.size(), codec.with_size);
  auto image = unpack_kernel_image(PageBuffer(file), "x");
  REQUIRE(image.ok());
  CHECK(image->is_bzimage);
  CHECK(image->codec == codec.name);
  CHECK(image->file_digest == sha256(file));
  CHECK(std::ranges::equal(image->vmlinux, vmlinux));
}

TEST_CASE("a vmlinux is used unchanged") {
  Bytes vmlinux = make_vmlinux();
  auto image = unpack_kernel_image(PageBuffer(vmlinux), "x");
  REQUIRE(image.ok());
  CHECK_FALSE(image->is_bzimage);
  CHECK(image->codec.empty());
  CHECK(std::ranges::equal(image->vmlinux, vmlinux));
}

TEST_CASE("a payload that is cut short is refused, at whatever byte") {
  Codec codec = any_codec();
  INFO(codec.name);
  Bytes vmlinux = make_vmlinux();
  Bytes packed = codec.pack(vmlinux);
  size_t keep = GENERATE(5, 12, 100, 70000);
  packed.resize(keep);
  image_error(synthetic::make_bzimage(packed, vmlinux.size(), true));
}

TEST_CASE(
    "a payload with a damaged byte is refused, or unpacks to an ELF file of the size promised") {
  Codec codec = any_codec();
  Bytes vmlinux =
      synthetic::make_elf({{".text", 0xffffffff81000000, Bytes(5000, std::byte{0x90})}});
  Bytes packed = codec.pack(vmlinux);
  size_t refused = 0;
  for (size_t at = 0; at < packed.size(); ++at) {
    Bytes damaged = packed;
    damaged[at] ^= std::byte{0x41};
    auto image = unpack_kernel_image(
        PageBuffer(synthetic::make_bzimage(damaged, vmlinux.size(), codec.with_size)), "x");
    if (!image.ok()) ++refused;
    if (image.ok()) CHECK(image->vmlinux.size() == vmlinux.size());
  }
  CHECK(refused > 0);
}

TEST_CASE("an unpacked size that differs from the trailer is an error") {
  Bytes vmlinux = make_vmlinux();
  CHECK_THAT(image_error(synthetic::make_bzimage(pack_zstd(vmlinux), vmlinux.size() + 1, true)),
             ContainsSubstring("trailer says"));
}

TEST_CASE("a payload longer than the trailer says is an error") {
  Codec codec = any_codec();
  if (!codec.with_size) return;  // gzip's own trailer is part of what it checks
  Bytes vmlinux = make_vmlinux();
  CHECK_THAT(image_error(synthetic::make_bzimage(codec.pack(vmlinux), vmlinux.size() - 5000, true)),
             ContainsSubstring("unpacks to more than") || ContainsSubstring("is too long"));
}

TEST_CASE("codecs that are not supported are named") {
  CHECK_THAT(error_of_payload("BZh9"), ContainsSubstring("bzip2"));
  CHECK_THAT(error_of_payload(std::string_view("\x5d\0\0\x80", 4)), ContainsSubstring("lzma"));
  CHECK_THAT(error_of_payload("\x89LZO"), ContainsSubstring("lzo"));
}

TEST_CASE("an unknown codec is shown by its first bytes") {
  CHECK_THAT(error_of_payload("\xde\xad\xbe\xef"), ContainsSubstring("begins with deadbeef7878"));
}

TEST_CASE("a bzImage cut short anywhere is refused") {
  Bytes vmlinux = synthetic::make_elf({{".text", 0xffffffff81000000, Bytes(500, std::byte{0x90})}});
  Bytes file = synthetic::make_bzimage(pack_zstd(vmlinux), vmlinux.size(), true);
  for (size_t size = 0; size < file.size(); size += 7)
    image_error(Bytes(file.begin(), file.begin() + static_cast<ptrdiff_t>(size)));
  Bytes most(file.begin(), file.end() - 20);
  CHECK_THAT(image_error(most), ContainsSubstring("cut short: its payload ends at byte"));
}

TEST_CASE("a payload that is not an ELF file is refused") {
  CHECK_THAT(image_error(synthetic::make_bzimage(pack_zstd(bytes_of("hello")), 5, true)),
             ContainsSubstring("not an ELF file"));
}

TEST_CASE("an ELF file of another machine is named") {
  CHECK_THAT(image_error(synthetic::make_elf({}, 183)), ContainsSubstring("arm64"));
}

TEST_CASE("files that are not kernels are named as what they are") {
  Bytes arm64(0x40);
  std::ranges::copy(bytes_of("ARM\x64"), arm64.begin() + 0x38);
  CHECK_THAT(image_error(arm64), ContainsSubstring("arm64 kernel"));
  CHECK_THAT(image_error({}), ContainsSubstring("empty"));
  CHECK_THAT(image_error(bytes_of("#!/bin/sh\necho\n")), ContainsSubstring("text"));
  CHECK_THAT(image_error(bytes_of("!<arch>\n")), ContainsSubstring("package"));
  CHECK_THAT(image_error(bytes_of("\x28\xb5\x2f\xfd")), ContainsSubstring("zstd"));
  CHECK_THAT(image_error(bytes_of("\x01\x02\x03")),
             ContainsSubstring("neither a bzImage nor an ELF file"));
}

TEST_CASE("a missing path and a folder are distinguished") {
  CHECK_THAT(error_of_path("/nonexistent/vmlinuz", ErrorCode::kNotFound),
             ContainsSubstring("No such file"));
  CHECK_THAT(error_of_path("/", ErrorCode::kBadInput), ContainsSubstring("directory"));
}

}  // namespace ktape
