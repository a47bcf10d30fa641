// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

// Holds a captured run of the reference scenario against itself: everything on its tape is replayed
// to the same, and its memory answers what its capture never asked for, through pointers and lists
// too.
void check_replay(const Captured& captured);

}  // namespace ktape::test
