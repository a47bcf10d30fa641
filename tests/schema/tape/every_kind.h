// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/tape/tape_builder.h"

namespace ktape::test {

// A tape with rows in every table: those of the reference run, and the other kinds; two freezes
// with different pages. `other` is a recorded value. Not sealed.
void record_every_kind(TapeBuilder& tape, uint64_t other = 0);

}  // namespace ktape::test
