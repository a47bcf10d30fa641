// SPDX-License-Identifier: Apache-2.0
#include "schema/base/base64.h"

#include <catch2/catch_test_macros.hpp>

#include "schema/base/digest.h"

namespace ktape {

TEST_CASE("base64 is that of RFC 4648") {
  CHECK(to_base64({}).empty());
  CHECK(to_base64(as_bytes("f")) == "Zg==");
  CHECK(to_base64(as_bytes("fo")) == "Zm8=");
  CHECK(to_base64(as_bytes("foo")) == "Zm9v");
  CHECK(to_base64(as_bytes("foob")) == "Zm9vYg==");
  CHECK(to_base64(as_bytes("fooba")) == "Zm9vYmE=");
  CHECK(to_base64(as_bytes("foobar")) == "Zm9vYmFy");
  CHECK(to_base64(as_bytes("\xfb\xff\xfe")) == "+//+");
}

}  // namespace ktape
