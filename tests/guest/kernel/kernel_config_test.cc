// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/kernel_config.h"

#include <zlib.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <span>

#include "tests/support/kernel/synthetic_guest.h"
#include "tests/support/must.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

constexpr std::string_view kConfig = "CONFIG_HZ=1000\nCONFIG_LOCALVERSION=\"-mine\"\n";

std::string gzip(std::string_view text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(text.size() + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::vector<std::byte> with_rodata(const std::string& text) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  return synthetic::make_elf({{".rodata", 0x1000, {bytes.begin(), bytes.end()}}});
}

}  // namespace

TEST_CASE("the configuration embedded in a kernel is read") {
  const auto config = config_in(with_rodata("ahead IKCFG_ST" + gzip(kConfig) + "IKCFG_ED behind"));
  REQUIRE(config);
  CHECK(std::string(reinterpret_cast<const char*>(config->data()), config->size()) == kConfig);
}

TEST_CASE("text that only contains the marker of a configuration is skipped") {
  CHECK(config_in(with_rodata("no IKCFG_ST here IKCFG_ST" + gzip(kConfig) + "IKCFG_ED")));
}

TEST_CASE("a kernel without its configuration, or with a damaged one, has none") {
  std::string damaged = gzip(kConfig);
  damaged[damaged.size() / 2] ^= 0x55;
  CHECK_FALSE(config_in(with_rodata("nothing")));
  CHECK_FALSE(config_in(with_rodata("IKCFG_ST" + gzip(kConfig))));
  CHECK_FALSE(config_in(with_rodata("IKCFG_STIKCFG_ED")));
  CHECK_FALSE(config_in(with_rodata("IKCFG_ST" + damaged + "IKCFG_ED")));
  CHECK_FALSE(config_in({}));
}

TEST_CASE("the image of a kernel without a configuration reveals parts of it") {
  const synthetic::Guest guest{synthetic::GuestOptions{}};
  const std::string config = known_config(*must(learn_kernel(guest.vmlinux())));
  CHECK_THAT(config, ContainsSubstring("\nCONFIG_HZ=250\nCONFIG_HZ_250=y\n"));
  CHECK(config.starts_with("# "));
}

}  // namespace ktape::test
