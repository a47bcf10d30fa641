// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/op.h"
#include "guest/kernel/ops/served_op.h"
#include "guest/kernel/types/layout_log.h"

namespace ktape {

// Does with an op all that needs no memory: looks its names up, once in a run for each target, and
// checks that its width fits. Bounded in what it keeps and in the time that unknown names cost,
// whatever a hostile guest asks for.
class OpPreparer {
 public:
  // All outlive it. `log` is told of each field that is used, `gate_log` has those of the gates,
  // which are taken from it.
  OpPreparer(const Kernel& kernel, LayoutLog& log, LayoutLog& gate_log)
      : kernel_(kernel), log_(log), gate_log_(gate_log) {}

  // `op` outlives what is made of it. What cannot be served has its refusal.
  [[nodiscard]] PreparedOp prepare(const Op& op, schema::OpMode mode);

 private:
  [[nodiscard]] std::shared_ptr<TargetNames> resolve(const OpTarget& target);

  const Kernel& kernel_;
  LayoutLog& log_;
  LayoutLog& gate_log_;
  std::unordered_map<std::string, std::shared_ptr<TargetNames>> resolved_;
  size_t unresolved_ = 0;
};

}  // namespace ktape
