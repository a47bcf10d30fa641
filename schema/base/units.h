// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

namespace ktape {

// A number with a type of its own: it converts to and from plain integers only explicitly.
template <typename Tag, typename Rep>
struct Strong {
  Rep value{};

  constexpr Strong() = default;
  constexpr explicit Strong(Rep v) : value(v) {}
  friend constexpr auto operator<=>(Strong, Strong) = default;  // NOLINT(modernize-use-nullptr)
};

// Address in the guest's physical memory.
using GuestPhysical = Strong<struct GuestPhysicalTag, uint64_t>;
// Kernel virtual address, slide applied.
using GuestVirtual = Strong<struct GuestVirtualTag, uint64_t>;
using HostNs = Strong<struct HostNsTag, uint64_t>;    // host CLOCK_MONOTONIC, since the run began
using GuestNs = Strong<struct GuestNsTag, uint64_t>;  // guest CLOCK_MONOTONIC
using Seq = Strong<struct SeqTag, uint64_t>;          // sequence number of a record; the first is 1
using CpuId = Strong<struct CpuIdTag, uint32_t>;      // the guest kernel's CPU number
using Pid = Strong<struct PidTag, int32_t>;           // in the guest's initial pid namespace

// Address arithmetic stays within one address space.
template <typename Tag>
constexpr Strong<Tag, uint64_t> operator+(Strong<Tag, uint64_t> base, uint64_t bytes) {
  return Strong<Tag, uint64_t>(base.value + bytes);
}

}  // namespace ktape
