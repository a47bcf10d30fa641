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

// A JSON value as text, its objects and lists flattened: {"a":{"b":true}} is "a.b" -> "true", and
// [{"a":1}] is "0.a" -> "1". A scalar by itself has the name "".
using QmpFields = std::map<std::string, std::string>;

struct QmpReply {
  uint64_t id = 0;
  bool ok = false;
  QmpFields value;    // of a success
  std::string error;  // of a failure: QEMU's description
};

struct QmpEvent {
  std::string name;  // "SHUTDOWN"
  QmpFields data;
};

// What QEMU sends: the version is its greeting.
using QmpMessage = std::variant<QemuVersion, QmpReply, QmpEvent>;

// kBadInput for whatever is not JSON or not one of these.
[[nodiscard]] Result<QmpMessage> parse_qmp_line(std::string_view line);

using QmpArguments = std::vector<std::pair<std::string, std::string>>;

// One request with its newline.
[[nodiscard]] std::string qmp_request(uint64_t id, std::string_view command,
                                      const QmpArguments& arguments);

// Cuts the stream into lines. Bounded.
class QmpLines {
 public:
  static constexpr size_t kMaxLineBytes = size_t{1} << 20;

  void feed(std::span<const std::byte> bytes);
  // The next whole line that is not blank, nothing when more bytes are needed; kBadInput over the
  // bound.
  [[nodiscard]] Result<std::optional<std::string>> next();

 private:
  std::string buffer_;
};

}  // namespace ktape
