// SPDX-License-Identifier: Apache-2.0
#include <kj/exception.h>

#include <cstring>
#include <vector>

#include "schema/wire.capnp.h"
#include "schema/wire/frame.h"
#include "tests/fuzz/no_stack_traces.h"
#include "tests/fuzz/read_everything.h"

// Messages from an agent, and the host's answers: the input as a stream of frames, which comes in
// two pieces; and as the only segment of one frame, because most changes to a stream only break a
// length.
namespace {

void read_frames(ktape::FrameDecoder& decoder) {
  for (;;) {
    auto frame = decoder.next();
    if (!frame.ok() || !frame->has_value()) return;
    try {
      const auto message = (**frame).reader().getRoot<ktape::schema::FromAgent>();
      (void)message.totalSize();
      ktape::fuzz::read_everything(capnp::toDynamic(message));
      const auto answer = (**frame).reader().getRoot<ktape::schema::FromHost>();
      ktape::fuzz::read_everything(capnp::toDynamic(answer));
    } catch (const kj::Exception&) {
      // The boundary where a hostile message stops.
    }
  }
}

void put(std::vector<std::byte>& to, uint32_t value) {
  for (int i = 0; i < 4; ++i) to.push_back(static_cast<std::byte>(value >> (8 * i)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ktape::fuzz::NoStackTraces quick;
  const auto bytes = std::as_bytes(std::span(data, size));
  ktape::FrameDecoder stream;
  stream.feed(bytes.first(size / 2));
  read_frames(stream);
  stream.feed(bytes.subspan(size / 2));
  read_frames(stream);

  constexpr size_t kWordBytes = 8;
  const auto words = static_cast<uint32_t>(size / kWordBytes);
  std::vector<std::byte> whole;
  put(whole, (words + 1) * kWordBytes);
  put(whole, 0);
  put(whole, words);
  whole.insert(whole.end(), bytes.begin(), bytes.begin() + words * kWordBytes);
  ktape::FrameDecoder one;
  one.feed(whole);
  read_frames(one);
  return 0;
}
