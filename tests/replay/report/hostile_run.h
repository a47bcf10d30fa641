// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ktape::test {

// A sealed tape of the sample run in which the guest and the author of the scenario put markup,
// quotes, script ends and bytes that are not UTF-8 in every text that a report shows. Returns its
// path.
std::string make_hostile_tape(const std::string& path);

}  // namespace ktape::test
