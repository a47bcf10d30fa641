// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ktape {

// The names that BTF may have for an integer type written as in C: "unsigned long" is "long
// unsigned int" from GCC and "unsigned long" from Clang. Empty for what is no such type.
[[nodiscard]] std::vector<std::string> btf_names_of(std::string_view c_name);

}  // namespace ktape
