// SPDX-License-Identifier: Apache-2.0
#include "schema/wire/frame.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "schema/wire.capnp.h"
#include "tests/support/must.h"

namespace ktape {

using test::must;

namespace {

std::vector<std::byte> hello_frame(uint64_t guest_ns) {
  capnp::MallocMessageBuilder message;
  auto from_agent = message.initRoot<schema::FromAgent>();
  from_agent.setGuestNs(guest_ns);
  from_agent.initHello().setProtocol(schema::PROTOCOL_VERSION);
  return must(encode_frame(message));
}

std::vector<std::byte> with_length(uint32_t length) {
  std::vector<std::byte> frame(4 + 16);
  std::memcpy(frame.data(), &length, 4);
  return frame;
}

}  // namespace

TEST_CASE("a decoded frame is the one that was encoded") {
  FrameDecoder decoder;
  decoder.feed(hello_frame(42));
  auto frame = must(decoder.next());
  REQUIRE(frame);
  auto message = frame->reader().getRoot<schema::FromAgent>();
  CHECK(message.getGuestNs() == 42);
  CHECK(message.getHello().getProtocol() == schema::PROTOCOL_VERSION);
  CHECK_FALSE(must(decoder.next()));
}

TEST_CASE("frames arrive complete however the stream is cut") {
  std::vector<std::byte> stream;
  for (uint64_t n = 1; n <= 3; ++n) {
    auto frame = hello_frame(n);
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    FrameDecoder decoder;
    uint64_t seen = 0;
    for (size_t at = 0; at < stream.size(); at += piece) {
      decoder.feed(std::span(stream).subspan(at, std::min(piece, stream.size() - at)));
      while (auto frame = must(decoder.next())) {
        CHECK(frame->reader().getRoot<schema::FromAgent>().getGuestNs() == ++seen);
      }
    }
    CHECK(seen == 3);
  }
}

TEST_CASE("a length of zero, not in whole words, or over the limit ends the stream") {
  for (uint32_t length : {0u, 7u, 12u, kMaxFrameBytes + 8, 0xfffffff8u}) {
    FrameDecoder decoder;
    decoder.feed(with_length(length));
    REQUIRE_FALSE(decoder.next().ok());
    decoder.feed(hello_frame(1));
    auto again = decoder.next();
    REQUIRE_FALSE(again.ok());
    CHECK(again.error().code == ErrorCode::kBadInput);
    CHECK(again.error().message.find("got a frame of " + std::to_string(length) + " bytes") == 0);
  }
}

TEST_CASE("a message that is too large for a frame is not encoded") {
  capnp::MallocMessageBuilder message;
  message.initRoot<schema::FromAgent>().initSchedulerOutput().initText(kMaxFrameBytes);
  auto frame = encode_frame(message);
  REQUIRE_FALSE(frame.ok());
  CHECK(frame.error().code == ErrorCode::kOutOfRange);
}

TEST_CASE("a frame of rubbish throws when it is read, not before") {
  FrameDecoder decoder;
  std::vector<std::byte> frame(4 + 16, std::byte{0xff});
  uint32_t length = 16;
  std::memcpy(frame.data(), &length, 4);
  decoder.feed(frame);
  auto message = must(decoder.next());
  REQUIRE(message);
  CHECK_THROWS_AS(message->reader(), kj::Exception);
}

}  // namespace ktape
