// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/guest_clock.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "guest/kernel/types/sizes.h"

namespace ktape {

namespace {

constexpr size_t kMaxClockNameBytes = 64;
// The smallest page: an unmapped one can only begin at its boundary.
constexpr uint64_t kMsPerSecond = 1000;

// An int variable of the kernel; nothing if the kernel does not have it.
std::optional<uint64_t> number(const Kernel& kernel, const GuestMemory& memory,
                               std::string_view symbol, size_t width) {
  const Result<GuestVirtual> at = kernel.symbol(symbol);
  if (!at.ok()) return std::nullopt;
  const Result<uint64_t> value = kernel.read_uint(memory, *at, width);
  return value.ok() ? std::optional(*value) : std::nullopt;
}

// Text up to its NUL, `limit`, or an unreadable page.
Result<std::string> read_name(const Kernel& kernel, const GuestMemory& memory, GuestVirtual at) {
  std::string text;
  // Piece by piece, up to the end of each page: a name near the end of mapped memory must not fail
  // because of bytes behind its NUL.
  while (text.size() < kMaxClockNameBytes) {
    std::array<char, kMaxClockNameBytes> piece{};
    const size_t bytes = std::min<uint64_t>(kMaxClockNameBytes - text.size(),
                                            kSmallPageBytes - at.value % kSmallPageBytes);
    KTAPE_TRY(kernel.read(memory, at, std::as_writable_bytes(std::span(piece).first(bytes))));
    const auto end =
        std::find(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(bytes), '\0');
    text.append(piece.begin(), end);
    if (end != piece.begin() + static_cast<std::ptrdiff_t>(bytes)) break;
    at = at + bytes;
  }
  return text;
}

}  // namespace

Result<ClocksourceReader> ClocksourceReader::create(const Kernel& kernel) {
  KTAPE_ASSIGN(const GuestVirtual current, kernel.symbol("curr_clocksource"));
  KTAPE_ASSIGN(const FieldInfo name, kernel.btf().field("struct clocksource", "name"));
  if (name.type.size_bytes != kPointerBytes)
    return Error{ErrorCode::kNotFound,
                 "the 'name' of this kernel's 'struct clocksource' is not a pointer", ""};
  ClocksourceReader reader(kernel, current);
  reader.name_ = name;
  return reader;
}

Result<std::string> ClocksourceReader::read(const GuestMemory& memory) const {
  KTAPE_ASSIGN(const uint64_t clocksource, kernel_->read_uint(memory, current_, kPointerBytes));
  if (clocksource == 0)
    return Error{ErrorCode::kNotFound, "the kernel has not selected a clocksource yet", ""};
  KTAPE_ASSIGN(
      const uint64_t name,
      kernel_->read_uint(memory, GuestVirtual(clocksource) + name_.offset_bytes, kPointerBytes));
  return read_name(*kernel_, memory, GuestVirtual(name));
}

LockupThresholds read_lockup_thresholds(const Kernel& kernel, const GuestMemory& memory) {
  // include/linux/nmi.h, WATCHDOG_SOFTOCKUP_ENABLED; kernel/watchdog.c, get_softlockup_thresh().
  constexpr uint64_t kSoftLockups = 2, kTimesThreshold = 2;
  LockupThresholds thresholds;
  // watchdog_enabled is an unsigned long, the thresholds are int; none of them has a type in BTF,
  // which describes per-CPU variables only.
  const auto enabled = number(kernel, memory, "watchdog_enabled", sizeof(uint64_t));
  const auto seconds = number(kernel, memory, "watchdog_thresh", sizeof(int32_t));
  if (enabled && seconds && (*enabled & kSoftLockups) != 0)
    thresholds.soft_lockup_ms = *seconds * kTimesThreshold * kMsPerSecond;
  // kernel/rcu/tree_stall.h, rcu_jiffies_till_stall_check() and check_cpu_stall().
  const auto suppressed = number(kernel, memory, "rcu_cpu_stall_suppress", sizeof(int32_t));
  const auto timeout = number(kernel, memory, "rcu_cpu_stall_timeout", sizeof(int32_t));
  if (timeout && suppressed.value_or(0) == 0) thresholds.rcu_stall_ms = *timeout * kMsPerSecond;
  return thresholds;
}

}  // namespace ktape
