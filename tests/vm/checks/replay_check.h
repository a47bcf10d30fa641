// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

// Checks a captured run of the reference scenario against itself: everything on its tape replays
// identically, and its memory has values that its capture never read, through pointers and lists
// too.
void check_replay(const Captured& captured);

}  // namespace ktape::test
