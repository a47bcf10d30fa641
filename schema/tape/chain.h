// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "schema/base/digest.h"

namespace ktape {

// chain(n) = SHA-256(chain(n-1) || SHA-256(record n)); chain(0) is 32 zero bytes. Each link depends
// on all records before it, so the last one, the head, stands for the whole tape.
[[nodiscard]] Digest next_link(const Digest& previous, std::span<const std::byte> record);

}  // namespace ktape
