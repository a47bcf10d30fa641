// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ktape {

// What the guest's kernel says of something: names and values, as a GuestFacts record has them.
using Facts = std::vector<std::pair<std::string, std::string>>;

}  // namespace ktape
