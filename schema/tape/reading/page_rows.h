// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/tape/database.h"
#include "schema/tape/page_list.h"

namespace ktape {

// The digest in a column; nothing if the column holds anything else.
[[nodiscard]] std::optional<Digest> digest_in(const Statement& row, int column);

// A row of (freeze, frame, frames, hash). kBadInput for columns of a wrong type; PageListOrder
// checks the rest.
[[nodiscard]] Result<FreezePage> freeze_page_in(const Statement& row);

}  // namespace ktape
