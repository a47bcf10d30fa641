// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/gdb_packet.h"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <iterator>

#include "schema/base/digest.h"
#include "tests/support/must.h"

namespace ktape {
namespace {

using test::must;

std::optional<std::string> decode(std::string_view bytes) {
  GdbPacketDecoder decoder;
  decoder.feed(as_bytes(bytes));
  return must(decoder.next());
}

bool is_error(std::string_view bytes) {
  GdbPacketDecoder decoder;
  decoder.feed(as_bytes(bytes));
  Result<std::optional<std::string>> packet = decoder.next();
  return !packet.ok() && packet.error().code == ErrorCode::kBadInput;
}

TEST_CASE("a packet has its checksum") {
  CHECK(encode_gdb_packet("g") == "$g#67");
  CHECK(encode_gdb_packet("Hgp1.1") == "$Hgp1.1#af");
}

TEST_CASE("an encoded packet decodes to its payload") {
  CHECK(decode(encode_gdb_packet("Hgp1.1")) == "Hgp1.1");
}

TEST_CASE("acknowledgements around packets are skipped") {
  GdbPacketDecoder decoder;
  decoder.feed(as_bytes("+$OK#9a++$E01#a6+"));
  CHECK(must(decoder.next()) == "OK");
  CHECK(must(decoder.next()) == "E01");
  CHECK_FALSE(must(decoder.next()).has_value());
}

TEST_CASE("a packet that arrives in pieces comes out once it is whole") {
  GdbPacketDecoder decoder;
  for (char c : std::string("$OK#9")) {
    decoder.feed(as_bytes(std::string_view(&c, 1)));
    CHECK_FALSE(must(decoder.next()).has_value());
  }
  decoder.feed(as_bytes("a"));
  CHECK(must(decoder.next()) == "OK");
}

TEST_CASE("escapes and run lengths are undone") {
  CHECK(decode("$a}\x03"
               "b#43") == "a#b");
  CHECK(decode("$0* #7a") == "0000");
}

TEST_CASE("what is not a packet is an error") {
  CHECK(is_error("$OK#9b"));
  CHECK(is_error("$OK#xy"));
  CHECK(is_error("-"));
  CHECK(is_error("hello"));
  CHECK(is_error("$*a#8b"));
  CHECK(is_error("$}#7d"));
}

TEST_CASE("a packet without an end is an error before it fills the memory") {
  CHECK(is_error("$" + std::string(GdbPacketDecoder::kMaxPacketBytes + 1, '0')));
}

// The answer to 'g' of QEMU 10, 608 bytes long; every byte is its own offset modulo 256.
std::string counted_registers() {
  std::string hex;
  for (int i = 0; i < 608; ++i) hex += fmt::format("{:02x}", i & 0xff);
  return hex;
}

// The value in it at an offset, low byte first.
uint64_t counted(uint64_t offset, int bytes) {
  uint64_t value = 0;
  for (int i = bytes; i-- > 0;) value = value << 8 | (offset + static_cast<uint64_t>(i));
  return value;
}

TEST_CASE("registers are found at their places, low byte first") {
  const VcpuRegisters got = must(parse_gdb_registers(counted_registers()));
  const uint64_t wide[] = {got.rax, got.rbx, got.rcx, got.rdx, got.rsi, got.rdi,
                           got.rbp, got.rsp, got.r8,  got.r9,  got.r10, got.r11,
                           got.r12, got.r13, got.r14, got.r15, got.rip};
  for (size_t i = 0; i < std::size(wide); ++i) CHECK(wide[i] == counted(8 * i, 8));
  CHECK(got.rflags == counted(136, 4));
  const uint16_t selectors[] = {got.cs, got.ss, got.ds, got.es, got.fs, got.gs};
  for (size_t i = 0; i < std::size(selectors); ++i) CHECK(selectors[i] == counted(140 + 4 * i, 2));
  const uint64_t bases[] = {got.fs_base, got.gs_base, got.kernel_gs_base, got.cr0, got.cr2,
                            got.cr3,     got.cr4};
  for (size_t i = 0; i < std::size(bases); ++i) CHECK(bases[i] == counted(164 + 8 * i, 8));
}

TEST_CASE("registers need no more than those that are kept") {
  CHECK(parse_gdb_registers(counted_registers().substr(0, 2 * 220)).ok());
  CHECK_FALSE(parse_gdb_registers(counted_registers().substr(0, 2 * 219)).ok());
}

TEST_CASE("an answer that is no registers is an error") {
  CHECK_FALSE(parse_gdb_registers("E22").ok());
  CHECK_FALSE(parse_gdb_registers("").ok());
  CHECK_FALSE(parse_gdb_registers(std::string(100, '0')).ok());
  CHECK_FALSE(parse_gdb_registers(counted_registers().replace(2 * 130, 2, "xx")).ok());
}

}  // namespace
}  // namespace ktape
