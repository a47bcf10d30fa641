// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "guest/kernel/ops/target_plan.h"
#include "schema/base/result.h"

namespace ktape {

// The values of a request go into one reply, and that into one message on the agent's channel
// (wire/frame.h). A reader of tapes sends no reply.
class ReplyRoom {
 public:
  // kOutOfRange, and nothing is taken, if values of this many bytes each do not fit any more.
  [[nodiscard]] Result<void> take(uint64_t values, uint64_t width_bytes);

 private:
  static constexpr uint64_t kMaxBytes = uint64_t{768} << 10;

  uint64_t left_ = kMaxBytes;
};

// Limits a list to what one reply can have besides other values. kOutOfRange with Lists::kWhole if
// it is longer; otherwise the rest of the list is left out, and `broke_off` says so.
[[nodiscard]] Result<void> cut_list(Lists lists, uint64_t width_bytes, TargetPlan::Places& found);

}  // namespace ktape
