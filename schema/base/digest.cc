// SPDX-License-Identifier: Apache-2.0
#include "schema/base/digest.h"

// OpenSSL calls these functions low-level. The recommended ones look up the algorithm for each
// digest, and read a configuration file before the first one: that takes longer than hashing a
// record, and longer than the rest of an analyzer's start.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "schema/base/result.h"

namespace ktape {

namespace {

SHA256_CTX* context(std::span<std::byte> bytes) {
  return reinterpret_cast<SHA256_CTX*>(bytes.data());
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Sha256::Sha256() {
  // The context is a member without its type, so that no includer sees OpenSSL; this keeps it large
  // enough.
  static_assert(sizeof(SHA256_CTX) == sizeof context_ && alignof(SHA256_CTX) <= 8);
  KTAPE_CHECK(SHA256_Init(context(context_)) == 1);
}

void Sha256::update(std::span<const std::byte> bytes) {
  KTAPE_CHECK(SHA256_Update(context(context_), bytes.data(), bytes.size()) == 1);
}

Digest Sha256::finish() {
  Digest digest;
  KTAPE_CHECK(SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), context(context_)) ==
              1);
  KTAPE_CHECK(SHA256_Init(context(context_)) == 1);
  return digest;
}

Digest sha256(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string to_hex(std::span<const std::byte> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (std::byte b : bytes) {
    text += kDigits[std::to_integer<unsigned>(b) >> 4];
    text += kDigits[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

std::optional<Digest> digest_from_hex(std::string_view text) {
  Digest digest;
  if (text.size() != digest.size() * 2) return std::nullopt;
  for (size_t i = 0; i < digest.size(); ++i) {
    int high = hex_digit(text[2 * i]);
    int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<std::byte>(high << 4 | low);
  }
  return digest;
}

}  // namespace ktape
