// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/gates.h"
#include "guest/kernel/ops/op.h"

namespace ktape {

// Turns the numbers that gates saw into text, with the names from this kernel's symbols and BTF.
// Reads no memory.
class GateWords {
 public:
  // `task_states`: the enum with the SCX task states; a literal, or text that outlives this.
  // `kernel` outlives it, too.
  GateWords(const Kernel& kernel, std::string_view task_states)
      : kernel_(kernel), task_states_(task_states) {}

  // "pid=123": what the gate saw, and what it wants for a task like `asked`. The same text live and
  // in a replay, which compares them.
  [[nodiscard]] std::string observed(schema::Gate gate, const GateReading& reading) const;
  [[nodiscard]] static std::string expected(schema::Gate gate, const TaskRoot& asked);

 private:
  [[nodiscard]] std::string named(std::string_view enum_name, uint64_t value) const;
  [[nodiscard]] std::string dispatch(const GateReading& reading) const;

  const Kernel& kernel_;
  std::string_view task_states_;
};

// "pid", "identity", ...: the names in the schema.
[[nodiscard]] std::string gate_name(schema::Gate gate);

}  // namespace ktape
