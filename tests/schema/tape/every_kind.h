// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/tape/tape_builder.h"

namespace ktape::test {

// A tape with rows in every table: what the reference run has, and the rest of the kinds; two
// freezes with pages that differ. `other` is a value that is recorded. Not sealed.
void record_every_kind(TapeBuilder& tape, uint64_t other = 0);

}  // namespace ktape::test
