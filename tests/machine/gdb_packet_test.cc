// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/gdb_packet.h"

#include <catch2/catch_test_macros.hpp>

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

// The answer to 'g' with every byte zero but those given.
std::string registers_with(std::initializer_list<std::pair<size_t, std::string>> values) {
  std::string hex(608 * 2, '0');
  for (const auto& [offset, digits] : values) hex.replace(offset * 2, digits.size(), digits);
  return hex;
}

TEST_CASE("registers are found at their places, low byte first") {
  auto registers = must(parse_gdb_registers(registers_with({{40, "f0debc9a78563412"},
                                                            {56, "703dc089ffffffff"},
                                                            {128, "b05aff88ffffffff"},
                                                            {136, "46020000"},
                                                            {140, "10000000"},
                                                            {172, "0000c354ce8dffff"},
                                                            {180, "8877665544332211"}})));
  CHECK(registers.rdi == 0x123456789abcdef0);
  CHECK(registers.rsp == 0xffffffff89c03d70);
  CHECK(registers.rip == 0xffffffff88ff5ab0);
  CHECK(registers.rflags == 0x246);
  CHECK(registers.cs == 0x10);
  CHECK(registers.gs_base == 0xffff8dce54c30000);
  CHECK(registers.kernel_gs_base == 0x1122334455667788);
}

TEST_CASE("an answer that is no registers is an error") {
  CHECK_FALSE(parse_gdb_registers("E22").ok());
  CHECK_FALSE(parse_gdb_registers("").ok());
  CHECK_FALSE(parse_gdb_registers(std::string(100, '0')).ok());
  CHECK_FALSE(parse_gdb_registers(registers_with({{130, "xx"}})).ok());
}

}  // namespace
}  // namespace ktape
