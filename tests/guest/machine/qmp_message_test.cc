// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/qmp_message.h"

#include <catch2/catch_test_macros.hpp>

#include "schema/base/digest.h"
#include "tests/support/must.h"

namespace ktape {
namespace {

using test::must;

template <typename T>
T message(std::string_view line) {
  return std::get<T>(must(parse_qmp_line(line)));
}

bool is_qmp_error(std::string_view line) {
  Result<QmpMessage> parsed = parse_qmp_line(line);
  return !parsed.ok() && parsed.error().code == ErrorCode::kBadInput;
}

TEST_CASE("a greeting has QEMU's version") {
  auto version = message<QemuVersion>(
      R"({"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": "Debian"},)"
      R"( "capabilities": ["oob"]}})");
  CHECK(version.text() == "QEMU 10.0.2 (Debian)");
}

TEST_CASE("a reply carries its request's id and its value") {
  auto reply = message<QmpReply>(
      R"({"return": {"status": "paused", "running": false, "x": {"n": 3}}, "id": 7})");
  CHECK(reply.id == 7);
  CHECK(reply.ok);
  CHECK(reply.value == QmpFields{{"status", "paused"}, {"running", "false"}, {"x.n", "3"}});
}

TEST_CASE("a number by itself is a value without a name") {
  auto reply = message<QmpReply>(R"({"return": 2147483648, "id": 1})");
  CHECK(reply.value == QmpFields{{"", "2147483648"}});
}

TEST_CASE("an error reply has QEMU's words") {
  auto reply = message<QmpReply>(
      R"({"id": 2, "error": {"class": "GenericError", "desc": "no \"such\" thing"}})");
  CHECK_FALSE(reply.ok);
  CHECK(reply.error == "no \"such\" thing");
}

TEST_CASE("an event has a name and its data") {
  auto event =
      message<QmpEvent>(R"({"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN",)"
                        R"( "data": {"guest": true, "reason": "guest-reset"}})");
  CHECK(event.name == "SHUTDOWN");
  CHECK(event.data == QmpFields{{"guest", "true"}, {"reason", "guest-reset"}});
}

TEST_CASE("garbage is an error") {
  CHECK(is_qmp_error("not JSON"));
  CHECK(is_qmp_error("{\"event\": "));
  CHECK(is_qmp_error("[1, 2]"));
  CHECK(is_qmp_error("17"));
  CHECK(is_qmp_error("{}"));
  CHECK(is_qmp_error("{\"event\": 3}"));
  CHECK(is_qmp_error(std::string_view("\0\xff\xfe", 3)));
}

TEST_CASE("lists are flattened by their places, and a long one is cut") {
  const auto reply = std::get<QmpReply>(must(parse_qmp_line(
      R"({"return": [{"thread-id": 17, "props": {"core-id": 0}}, {"thread-id": 18}, [true]], "id": 3})")));
  CHECK(reply.value == QmpFields{{"0.thread-id", "17"},
                                 {"0.props.core-id", "0"},
                                 {"1.thread-id", "18"},
                                 {"2.0", "true"}});
  std::string many = "0";
  for (int i = 0; i < 5000; ++i) many += ",0";
  CHECK(std::get<QmpReply>(must(parse_qmp_line("{\"return\": [" + many + "], \"id\": 3}")))
            .value.size() == 1024);
}

TEST_CASE("a reply without a usable id is an error") {
  CHECK(is_qmp_error(R"({"return": {}})"));
  CHECK(is_qmp_error(R"({"return": {}, "id": -1})"));
  CHECK(is_qmp_error(R"({"return": {}, "id": 1.5})"));
  CHECK(is_qmp_error(R"({"return": {}, "id": 1e300})"));
  CHECK(is_qmp_error(R"({"return": {}, "id": "1"})"));
}

TEST_CASE("a greeting without a version is an error") {
  CHECK(is_qmp_error(R"({"QMP": {}})"));
  CHECK(is_qmp_error(R"({"QMP": {"version": {"qemu": {"major": "ten"}}}})"));
}

TEST_CASE("deep nesting is an error, not a stack overflow") {
  CHECK(is_qmp_error(R"({"return": )" + std::string(100000, '[') + std::string(100000, ']') + "}"));
}

TEST_CASE("a request is one line with command, id and quoted arguments") {
  CHECK(qmp_request(3, "stop", {}) == "{\"execute\":\"stop\",\"id\":3}\n");
  CHECK(qmp_request(4, "qom-get", {{"path", "/a\"b"}}) ==
        "{\"execute\":\"qom-get\",\"id\":4,\"arguments\":{\"path\":\"/a\\\"b\"}}\n");
}

TEST_CASE("lines come out whole, however the bytes arrive") {
  QmpLines lines;
  lines.feed(as_bytes("{\"a\""));
  CHECK_FALSE(must(lines.next()).has_value());
  lines.feed(as_bytes(": 1}\r\n\n{}\n{"));
  CHECK(must(lines.next()).value() == "{\"a\": 1}\r");
  CHECK(must(lines.next()).value() == "{}");
  CHECK_FALSE(must(lines.next()).has_value());
}

TEST_CASE("an endless line is an error") {
  QmpLines lines;
  lines.feed(as_bytes(std::string(QmpLines::kMaxLineBytes + 1, 'x')));
  Result<std::optional<std::string>> line = lines.next();
  REQUIRE_FALSE(line.ok());
  CHECK(line.error().code == ErrorCode::kBadInput);
}

}  // namespace
}  // namespace ktape
