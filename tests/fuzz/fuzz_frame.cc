// SPDX-License-Identifier: Apache-2.0
#include <kj/exception.h>

#include "schema/wire.capnp.h"
#include "schema/wire/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ktape::FrameDecoder decoder;
  decoder.feed(std::as_bytes(std::span(data, size)));
  for (;;) {
    auto frame = decoder.next();
    if (!frame.ok() || !frame->has_value()) return 0;
    try {
      // Walks the whole message, as recording it would.
      (void)(**frame).reader().getRoot<ktape::schema::FromAgent>().totalSize();
    } catch (const kj::Exception&) {
      // The boundary where a hostile message stops.
    }
  }
}
