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

// Does the part of an op that needs no memory: looks up its names, once per run for each target,
// and checks its width. Whatever a hostile guest requests, the memory used and the time spent on
// unknown names are bounded.
class OpPreparer {
 public:
  // All arguments outlive it. `log` gets each field used. The fields of the gates are taken over
  // from `gate_log`.
  OpPreparer(const Kernel& kernel, LayoutLog& log, LayoutLog& gate_log, Lists lists)
      : kernel_(kernel), log_(log), gate_log_(gate_log), lists_(lists) {}

  // `op` outlives the result. An op that cannot be served has its refusal set; that is a result,
  // not an error, because the reply has to say it. Cheap after the first time for a target.
  [[nodiscard]] PreparedOp prepare(const Op& op, schema::OpMode mode);

 private:
  [[nodiscard]] std::shared_ptr<TargetNames> resolve(const OpTarget& target);

  const Kernel& kernel_;
  LayoutLog& log_;
  LayoutLog& gate_log_;
  const Lists lists_;
  std::unordered_map<std::string, std::shared_ptr<TargetNames>> resolved_;
  size_t unresolved_ = 0;
};

}  // namespace ktape
