// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "guest/kernel/types/btf.h"
#include "replay/tape/value_text.h"

namespace ktape {

// A type without the structs around its only member: that of the counter in an atomic_t. Other
// types as they are.
[[nodiscard]] TypeInfo without_wrappers(const Btf& types, TypeInfo type);

// A value as value_text() shows it, for the cell of a table: on one line, text without its quotes,
// and a struct with a single member as that member.
[[nodiscard]] std::string one_line(const Btf& types, const TypeInfo& type,
                                   std::span<const std::byte> bytes, const ValueContext& context);

}  // namespace ktape
