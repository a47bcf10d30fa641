// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/reply_room.h"

#include <fmt/format.h>

namespace ktape {

namespace {

constexpr uint64_t kMaxListBytes = uint64_t{256} << 10;
// The size of a value in a reply, not counting its bytes (struct Value).
constexpr uint64_t kValueBytes = 32;

}  // namespace

Result<void> ReplyRoom::take(uint64_t values, uint64_t width_bytes) {
  const uint64_t bytes = values * (kValueBytes + width_bytes);
  if (bytes > left_) {
    return Error{
        ErrorCode::kOutOfRange,
        fmt::format("the values of this request take more than {} bytes in its reply", kMaxBytes),
        ""};
  }
  left_ -= bytes;
  return {};
}

Result<void> cut_list(Lists lists, uint64_t width_bytes, TargetPlan::Places& found) {
  const uint64_t bytes = found.values.size() * width_bytes;
  if (bytes <= kMaxListBytes) return {};
  if (lists == Lists::kWhole) {
    return Error{
        ErrorCode::kOutOfRange,
        fmt::format("the list's values take {} bytes, and {} is the most", bytes, kMaxListBytes),
        ""};
  }
  const uint64_t fit = kMaxListBytes / width_bytes;
  found.broke_off =
      Error{ErrorCode::kOutOfRange,
            fmt::format(
                "the list's {} values take {} bytes: only the first {} are shown, which is {} KiB",
                found.values.size(), bytes, fit, kMaxListBytes >> 10),
            "read a member, or from a shorter list"};
  found.values.resize(fit);
  found.numbers.resize(fit);
  return {};
}

}  // namespace ktape
