// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/gdb_client.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/guest/machine/peer.h"

// The gdbstub client against a peer whose bytes each test writes itself.
namespace ktape::test {
namespace {

class GdbPeer : public Peer {
 public:
  std::unique_ptr<GdbClient> connect() {
    says("+" + encode_gdb_packet("multiprocess+"));
    return must(GdbClient::connect(our_end(), soon()));
  }
  static std::string registers(std::string_view rip) {
    std::string hex(608 * 2, '0');
    hex.replace(128 * 2, rip.size(), rip);
    return encode_gdb_packet(hex);
  }
};

TEST_CASE_METHOD(GdbPeer, "the registers of each vCPU are requested in turn") {
  auto gdb = connect();
  says("+$OK#9a+" + registers("01") + "+$OK#9a+" + registers("02"));
  auto all = must(gdb->registers(2, soon()));
  REQUIRE(all.size() == 2);
  CHECK(all[0].rip == 1);
  CHECK(all[1].rip == 2);
  CHECK(heard() == encode_gdb_packet("qSupported:multiprocess+") + encode_gdb_packet("Hgp1.1") +
                       encode_gdb_packet("g") + encode_gdb_packet("Hgp1.2") +
                       encode_gdb_packet("g"));
}

TEST_CASE_METHOD(
    GdbPeer,
    "a stop is an acknowledgement and an interrupt, followed by the request for the registers") {
  auto gdb = connect();
  says(encode_gdb_packet("T02thread:p01.01;") + "+$OK#9a+" + registers("01"));
  auto all = must(gdb->stop(1, soon()));
  REQUIRE(all.size() == 1);
  CHECK(all[0].rip == 1);
  must(gdb->go_on(soon()));
  CHECK(heard() == encode_gdb_packet("qSupported:multiprocess+") + "+\x03" +
                       encode_gdb_packet("Hgp1.1") + encode_gdb_packet("g") +
                       encode_gdb_packet("c"));
}

TEST_CASE_METHOD(GdbPeer, "a machine whose stop was not answered in time is not resumed either") {
  auto gdb = connect();
  CHECK(gdb->stop(1, now()).error().code == ErrorCode::kMachineLost);
  CHECK(gdb->go_on(soon()).error().code == ErrorCode::kMachineLost);
}

TEST_CASE_METHOD(GdbPeer, "an unexpected stop reply is skipped") {
  auto gdb = connect();
  says(encode_gdb_packet("T02thread:p01.01;") + "+$OK#9a+" + registers("01"));
  CHECK(must(gdb->registers(1, soon())).size() == 1);
}

TEST_CASE_METHOD(GdbPeer, "after a late answer no registers are returned any more") {
  auto gdb = connect();
  CHECK(gdb->registers(1, now()).error().code == ErrorCode::kMachineLost);
  says("+$OK#9a+" + registers("01"));
  CHECK(gdb->registers(1, soon()).error().code == ErrorCode::kMachineLost);
}

TEST_CASE_METHOD(GdbPeer, "a stub that refuses a vCPU is a lost machine") {
  auto gdb = connect();
  says("+" + encode_gdb_packet("E22"));
  CHECK(gdb->registers(1, soon()).error().code == ErrorCode::kMachineLost);
}

TEST_CASE_METHOD(GdbPeer, "a breakpoint is set and cleared in hardware") {
  auto gdb = connect();
  says("+$OK#9a+$OK#9a");
  must(gdb->set_breakpoint(GuestVirtual(0xffffffff813b5d20), soon()));
  must(gdb->clear_breakpoint(GuestVirtual(0xffffffff813b5d20), soon()));
  CHECK(heard() == encode_gdb_packet("qSupported:multiprocess+") +
                       encode_gdb_packet("Z1,ffffffff813b5d20,1") +
                       encode_gdb_packet("z1,ffffffff813b5d20,1"));
}

TEST_CASE_METHOD(GdbPeer, "a stub that refuses a breakpoint is a host error, and keeps answering") {
  auto gdb = connect();
  says("+" + encode_gdb_packet("E22") + "+$OK#9a+" + registers("01"));
  CHECK(gdb->set_breakpoint(GuestVirtual(0x1000), soon()).error().code == ErrorCode::kHost);
  CHECK(must(gdb->registers(1, soon())).size() == 1);
}

TEST_CASE_METHOD(GdbPeer, "a step ends with the stop that it leads to") {
  auto gdb = connect();
  says("+" + encode_gdb_packet("T05thread:p01.02;"));
  must(gdb->step(1, soon()));
  CHECK(heard() ==
        encode_gdb_packet("qSupported:multiprocess+") + encode_gdb_packet("vCont;s:p1.2"));
}

TEST_CASE_METHOD(GdbPeer, "a step that is refused, or never ends, is a lost machine") {
  auto gdb = connect();
  says("+" + encode_gdb_packet("E22"));
  CHECK(gdb->step(0, soon()).error().code == ErrorCode::kMachineLost);

  GdbPeer silent;
  auto other = silent.connect();
  CHECK(other->step(0, now()).error().code == ErrorCode::kMachineLost);
  CHECK(other->registers(1, soon()).error().code == ErrorCode::kMachineLost);
}

}  // namespace
}  // namespace ktape::test
