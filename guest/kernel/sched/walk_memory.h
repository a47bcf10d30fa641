// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// The memory of a walk through a structure of the kernel, and what to do where it cannot go on: a
// survey counts what it lost and takes the rest, a target's path ends with an error.
class WalkMemory {
 public:
  virtual ~WalkMemory() = default;

  // Bytes at a kernel virtual address. An error is passed to unreadable().
  virtual Result<void> read(GuestVirtual at, std::span<std::byte> out) = 0;

  // Both are told about a part of the structure that cannot be walked; an error ends the walk,
  // otherwise it goes on after that part.
  virtual Result<void> unreadable(const Error& why) = 0;
  virtual Result<void> damaged(std::string_view what) = 0;
};

}  // namespace ktape
