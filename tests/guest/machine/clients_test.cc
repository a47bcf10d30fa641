// SPDX-License-Identifier: Apache-2.0
// QMP and gdbstub clients against a peer whose bytes each test writes itself.
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "guest/machine/gdb_client.h"
#include "guest/machine/io.h"
#include "guest/machine/qmp_client.h"
#include "schema/base/digest.h"
#include "tests/support/must.h"

namespace ktape {
namespace {

using namespace std::chrono_literals;
using test::must;

constexpr std::string_view kGreeting =
    "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 10, \"minor\": 0, \"micro\": 2}}}}\n";

auto soon() { return std::chrono::steady_clock::now() + 20s; }
auto now() { return std::chrono::steady_clock::now(); }

// A peer that says what it has to say before it is asked: sockets keep it.
class Peer {
 public:
  void says(std::string_view text) { must(write_all(pair_.theirs.get(), as_bytes(text), soon())); }
  void leaves() { pair_.theirs.reset(); }
  UniqueFd our_end() { return std::move(pair_.ours); }
  std::string heard() {
    ReadResult got = must(read_some(pair_.theirs.get(), 4096));
    return std::string(reinterpret_cast<const char*>(got.bytes.data()), got.bytes.size());
  }

 private:
  SocketPair pair_ = must(socket_pair());
};

// Its name; empty when there is none.
std::string next_event(QmpClient& qmp) {
  auto event = qmp.next_event();
  return event ? event->name : "";
}

class QmpPeer : public Peer {
 public:
  std::unique_ptr<QmpClient> connect() {
    says(kGreeting);
    // The answer must not be there before the question.
    std::jthread answer([this] {
      first_request_ = heard();
      says("{\"return\": {}, \"id\": 1}\n");
    });
    return must(QmpClient::connect(our_end(), soon()));
  }
  [[nodiscard]] const std::string& first_request() const { return first_request_; }

 private:
  std::string first_request_;
};

TEST_CASE_METHOD(QmpPeer, "connecting reads the version and leaves negotiation") {
  auto qmp = connect();
  CHECK(qmp->version().text() == "QEMU 10.0.2");
  CHECK(first_request() == "{\"execute\":\"qmp_capabilities\",\"id\":1}\n");
}

TEST_CASE_METHOD(QmpPeer, "events before, between and after replies are kept in order") {
  auto qmp = connect();
  says("{\"event\": \"A\"}\n{\"event\": \"B\"}\n{\"return\": 5, \"id\": 2}\n{\"event\": \"C\"}\n");
  CHECK(must(qmp->execute("x", {}, soon())).at("") == "5");
  CHECK(must(qmp->receive()));
  CHECK(next_event(*qmp) == "A");
  CHECK(next_event(*qmp) == "B");
  CHECK(next_event(*qmp) == "C");
  CHECK(next_event(*qmp).empty());
}

TEST_CASE_METHOD(QmpPeer, "an error reply is a refusal in QEMU's words") {
  auto qmp = connect();
  says("{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}, \"id\": 2}\n");
  auto reply = qmp->execute("cont", {}, soon());
  REQUIRE_FALSE(reply.ok());
  CHECK(reply.error().code == ErrorCode::kRefused);
  CHECK(reply.error().message == "QEMU refused 'cont': not now");
}

TEST_CASE_METHOD(QmpPeer, "no reply in time is a lost machine") {
  auto qmp = connect();
  CHECK(qmp->execute("stop", {}, now()).error().code == ErrorCode::kMachineLost);
}

TEST_CASE_METHOD(QmpPeer, "a reply that comes too late is not taken for the next one's") {
  auto qmp = connect();
  CHECK_FALSE(qmp->execute("late", {}, now()).ok());
  says("{\"return\": \"late\", \"id\": 2}\n{\"return\": \"mine\", \"id\": 3}\n");
  CHECK(must(qmp->execute("next", {}, soon())).at("") == "mine");
}

TEST_CASE_METHOD(QmpPeer,
                 "an event is waited for, and one that does not come in time is a lost machine") {
  auto qmp = connect();
  says("{\"event\": \"STOP\"}\n{\"event\": \"RESUME\"}\n");
  CHECK(must(qmp->wait_for_event(soon())).name == "STOP");
  CHECK(must(qmp->wait_for_event(now())).name == "RESUME");
  CHECK(qmp->wait_for_event(now()).error().code == ErrorCode::kMachineLost);
}

TEST_CASE_METHOD(QmpPeer,
                 "a QEMU that tells an event and ends instead of replying is a lost machine") {
  auto qmp = connect();
  std::jthread end([this] {
    (void)heard();
    says("{\"event\": \"SHUTDOWN\"}\n");
    leaves();
  });
  CHECK(qmp->execute("stop", {}, soon()).error().code == ErrorCode::kMachineLost);
  CHECK(must(qmp->wait_for_event(soon())).name == "SHUTDOWN");
  CHECK(qmp->wait_for_event(soon()).error().code == ErrorCode::kMachineLost);
}

TEST_CASE_METHOD(QmpPeer, "a reply to a request that was never sent is a lost machine") {
  auto qmp = connect();
  says("{\"return\": {}, \"id\": 99}\n");
  CHECK(qmp->execute("stop", {}, soon()).error().code == ErrorCode::kMachineLost);
}

TEST_CASE_METHOD(QmpPeer, "garbage on the control channel is a lost machine") {
  auto qmp = connect();
  says("]]]\n");
  CHECK(qmp->execute("stop", {}, soon()).error().code == ErrorCode::kMachineLost);
}

TEST_CASE_METHOD(QmpPeer, "a channel that closes is told, after what it had brought") {
  auto qmp = connect();
  says("{\"event\": \"SHUTDOWN\"}\n");
  leaves();
  CHECK(must(qmp->receive()));
  CHECK(next_event(*qmp) == "SHUTDOWN");
  CHECK_FALSE(must(qmp->receive()));
  CHECK(qmp->execute("stop", {}, soon()).error().code == ErrorCode::kMachineLost);
}

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

TEST_CASE_METHOD(GdbPeer, "registers of each vCPU are asked for in turn") {
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
    GdbPeer, "a stop is an acknowledgement and an interrupt, with the registers asked behind it") {
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

TEST_CASE_METHOD(GdbPeer, "a stop reply that nobody asked for is skipped") {
  auto gdb = connect();
  says(encode_gdb_packet("T02thread:p01.01;") + "+$OK#9a+" + registers("01"));
  CHECK(must(gdb->registers(1, soon())).size() == 1);
}

TEST_CASE_METHOD(GdbPeer,
                 "after an answer that did not come in time no registers are told any more") {
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

TEST_CASE_METHOD(GdbPeer,
                 "a stub that refuses a breakpoint is the host's lack, and goes on answering") {
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
}  // namespace ktape
