// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "guest/machine/machine.h"
#include "schema/base/result.h"

namespace ktape {

// "$payload#checksum". The payload is plain text without '#', '$', '}' or '*', which would need
// escapes; none of our commands has them.
[[nodiscard]] std::string encode_gdb_packet(std::string_view payload);

// Splits a gdbstub's bytes into packets (GDB manual, Remote Protocol, Overview). Skips
// acknowledgements and decodes escapes and run lengths. Memory use is bounded.
class GdbPacketDecoder {
 public:
  static constexpr size_t kMaxPacketBytes = size_t{64} << 10;

  // Appends bytes as they come from the socket; they need not end at a packet's end.
  void feed(std::span<const std::byte> bytes);
  // The payload of the next complete packet; nothing if more bytes are needed. kBadInput for a
  // wrong checksum, a refused packet ('-'), bytes between packets, or a packet over the size limit.
  // After that the stream cannot be trusted: the position of the next packet is unknown.
  [[nodiscard]] Result<std::optional<std::string>> next();

 private:
  std::string buffer_;
};

// Parses QEMU's answer to 'g' for an x86-64 vCPU, in the order of its i386-64bit target description
// (target/i386/gdbstub.c): rax rbx rcx rdx rsi rdi rbp rsp r8 to r15 rip of 8 bytes; eflags cs ss
// ds es fs gs of 4; fs_base gs_base k_gs_base cr0 cr2 cr3 cr4 of 8. The rest (608 bytes in QEMU 10:
// cr8, efer, floating-point and vector registers) is ignored. kBadInput if it is an error, not hex,
// or too short.
[[nodiscard]] Result<VcpuRegisters> parse_gdb_registers(std::string_view hex);

}  // namespace ktape
