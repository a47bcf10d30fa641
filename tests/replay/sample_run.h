// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/tape/tape_builder.h"

namespace ktape::test {

// Fills a tape with the content of a run of the reference scenario: a scheduler, a sleeping worker,
// a write to its dsq_vtime, three reads, gates, a second write that is refused, console text that
// tries to control the terminal. The tape is not sealed yet.
void record_sample_run(TapeBuilder& tape);

}  // namespace ktape::test
