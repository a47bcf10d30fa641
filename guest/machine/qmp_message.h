// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "guest/machine/qemu_arguments.h"
#include "schema/base/result.h"

namespace ktape {

// A JSON value as text, with objects and lists flattened: {"a":{"b":true}} is "a.b" -> "true", and
// [{"a":1}] is "0.a" -> "1". The name of a bare scalar is "". A command's own fields only: QMP's
// "timestamp" and "id" are not in it. Lists are cut at 1024 elements.
using QmpFields = std::map<std::string, std::string>;

struct QmpReply {
  uint64_t id = 0;
  bool ok = false;
  QmpFields value;    // on success
  std::string error;  // on failure: QEMU's description
};

struct QmpEvent {
  std::string name;  // "SHUTDOWN"
  QmpFields data;
};

// A message from QEMU. QemuVersion is its greeting.
using QmpMessage = std::variant<QemuVersion, QmpReply, QmpEvent>;

// `line` is one message without its newline. kBadInput for anything that is not JSON or not one of
// these. Throws nothing.
[[nodiscard]] Result<QmpMessage> parse_qmp_line(std::string_view line);

using QmpArguments = std::vector<std::pair<std::string, std::string>>;

// A request, with newline.
[[nodiscard]] std::string qmp_request(uint64_t id, std::string_view command,
                                      const QmpArguments& arguments);

// Splits the stream into lines. Memory use is bounded.
class QmpLines {
 public:
  static constexpr size_t kMaxLineBytes = size_t{1} << 20;

  void feed(std::span<const std::byte> bytes);
  // The next complete line that is not blank; nothing if more bytes are needed; kBadInput if it is
  // too long.
  [[nodiscard]] Result<std::optional<std::string>> next();

 private:
  std::string buffer_;
};

}  // namespace ktape
