// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/send_queue.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "schema/base/digest.h"

namespace ktape {
namespace {

std::string text(std::span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

TEST_CASE("queued bytes come out in the order in which they went in") {
  SendQueue queue;
  REQUIRE(queue.push(as_bytes("abc")).ok());
  queue.consume(2);
  REQUIRE(queue.push(as_bytes("def")).ok());
  CHECK(text(queue.pending()) == "cdef");
  queue.consume(4);
  CHECK(queue.empty());
}

TEST_CASE("a push over the bound is refused whole and leaves the queue as it was") {
  SendQueue queue;
  std::vector<std::byte> most(SendQueue::kMaxBytes - 1);
  REQUIRE(queue.push(most).ok());
  Result<void> pushed = queue.push(as_bytes("xy"));
  REQUIRE_FALSE(pushed.ok());
  CHECK(pushed.error().code == ErrorCode::kBadInput);
  CHECK(queue.pending().size() == most.size());
  CHECK(queue.push(as_bytes("x")).ok());
}

TEST_CASE("consumed bytes make room again") {
  SendQueue queue;
  std::vector<std::byte> most(SendQueue::kMaxBytes);
  REQUIRE(queue.push(most).ok());
  queue.consume(10);
  CHECK(queue.push(as_bytes("0123456789")).ok());
  CHECK_FALSE(queue.push(as_bytes("x")).ok());
}

}  // namespace
}  // namespace ktape
