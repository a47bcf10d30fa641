// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ktape {

// Names and values reported by the guest's kernel, as in a GuestFacts record.
using Facts = std::vector<std::pair<std::string, std::string>>;

}  // namespace ktape
