// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analyzers/assertion.h"

namespace ktape {

// An assertion about how long something took. Where the time on the tape is not that of real hardware, it is
// undecided, unless it is given --force.
class TimeAssertion : public Assertion {
 public:
  void visit(const RecordView& record) final;
  void finish(TapeState state) final;
  [[nodiscard]] std::vector<Argument> arguments() final;

 protected:
  // The arguments beside --force.
  [[nodiscard]] virtual std::vector<Argument> own_arguments() { return {}; }
  virtual void look_at(const RecordView& record) = 0;
  // After the last record, when the time may be judged.
  virtual void conclude(TapeState state) = 0;

 private:
  bool force_ = false;
  bool run_seen_ = false;
  std::optional<Finding> objection_;  // why the time is not real
};

// "12.3 ms"
[[nodiscard]] std::string milliseconds(uint64_t ns);

}  // namespace ktape
