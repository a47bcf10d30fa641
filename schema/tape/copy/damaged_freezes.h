// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "schema/base/result.h"
#include "schema/tape/database.h"

namespace ktape {

// The freezes of which a page, or a row of their page list, is not what their Thawed record says,
// and what is wrong. Reads the records up to the first damaged one. An error is the host's.
[[nodiscard]] Result<std::map<uint64_t, std::string>> find_damaged_freezes(const Database& tape);

}  // namespace ktape
