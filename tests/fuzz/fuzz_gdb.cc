// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/gdb_packet.h"

// Answers of QEMU's gdbstub: packets, and the registers in them.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ktape::GdbPacketDecoder decoder;
  decoder.feed(std::as_bytes(std::span(data, size)));
  for (;;) {
    auto packet = decoder.next();
    if (!packet.ok() || !packet->has_value()) break;
    (void)ktape::parse_gdb_registers(**packet);
  }
  // Most inputs never get past a checksum.
  (void)ktape::parse_gdb_registers(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
