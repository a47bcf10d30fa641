// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ktape::test {

// A Perfetto trace as Protocol Buffers' own reader prints it.
[[nodiscard]] std::string decoded(const std::string& trace);

}  // namespace ktape::test
