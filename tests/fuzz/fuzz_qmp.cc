// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/qmp_message.h"

// Lines from QEMU's monitor: JSON.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ktape::QmpLines lines;
  lines.feed(std::as_bytes(std::span(data, size)));
  for (;;) {
    auto line = lines.next();
    if (!line.ok() || !line->has_value()) return 0;
    (void)ktape::parse_qmp_line(**line);
  }
}
