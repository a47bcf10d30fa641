// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/kernel/types/btf.h"
#include "guest/memory/guest_memory.h"

namespace ktape {

// How every verb shows a value of the kernel: by its type, as type_text() does.

// What is known besides the types; each may be missing.
struct ValueContext {
  const Kernel* kernel = nullptr;                // for the names of pointers
  std::function<const GuestMemory*()> memory{};  // for the text that a char * leads to
};

// Safe to print; several lines for a struct.
[[nodiscard]] std::string value_text(const Btf& types, const TypeInfo& type,
                                     std::span<const std::byte> bytes, const ValueContext& context);

// The values of a list as one text: "2 entries: 77, 78", or one per line if they have several.
// `goes_on`: the list has more than these, which are all that was read. Those after the first
// `limit` are counted.
[[nodiscard]] std::string list_text(const std::vector<std::string>& values, bool goes_on,
                                    size_t limit);

}  // namespace ktape
