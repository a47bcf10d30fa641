// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/qmp_client.h"

#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "tests/guest/machine/peer.h"

// The QMP client against a peer whose bytes each test writes itself.
namespace ktape::test {
namespace {

constexpr std::string_view kGreeting =
    "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 10, \"minor\": 0, \"micro\": 2}}}}\n";

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
                 "a QEMU that sends an event and ends instead of replying is a lost machine") {
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

TEST_CASE_METHOD(QmpPeer, "the end of a channel is reported after its last data") {
  auto qmp = connect();
  says("{\"event\": \"SHUTDOWN\"}\n");
  leaves();
  CHECK(must(qmp->receive()));
  CHECK(next_event(*qmp) == "SHUTDOWN");
  CHECK_FALSE(must(qmp->receive()));
  CHECK(qmp->execute("stop", {}, soon()).error().code == ErrorCode::kMachineLost);
}

}  // namespace
}  // namespace ktape::test
