// SPDX-License-Identifier: Apache-2.0
#include "replay/export/proto_writer.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape::test {

TEST_CASE("fields have the wire format of Protocol Buffers") {
  ProtoWriter inner;
  inner.number(1, 150);
  ProtoWriter writer;
  writer.message(3, inner);
  writer.text(2, "testing");
  writer.number(16, ~uint64_t{0});
  writer.real(1, 1.0);
  CHECK(writer.bytes() == std::string("\x1a\x03\x08\x96\x01"
                                      "\x12\x07testing"
                                      "\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                      "\x09\x00\x00\x00\x00\x00\x00\xf0\x3f",
                                      5 + 9 + 12 + 9));
}

}  // namespace ktape::test
