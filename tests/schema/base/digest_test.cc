// SPDX-License-Identifier: Apache-2.0
#include "schema/base/digest.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape {

TEST_CASE("sha256 of 'abc' is the value in FIPS 180-2") {
  const char* expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  CHECK(to_hex(sha256(as_bytes("abc"))) == expected);
  CHECK(digest_from_hex(expected) == sha256(as_bytes("abc")));
}

TEST_CASE("a digest in parts equals the digest of the whole") {
  Sha256 hash;
  hash.update(as_bytes("a"));
  hash.update(as_bytes("bc"));
  CHECK(hash.finish() == sha256(as_bytes("abc")));
  CHECK(hash.finish() == sha256({}));
}

TEST_CASE("text that is not 64 hex digits is not a digest") {
  CHECK_FALSE(digest_from_hex("abc"));
  CHECK_FALSE(digest_from_hex(std::string(64, 'g')));
}

}  // namespace ktape
