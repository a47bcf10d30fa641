// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/kernel/kernel.h"
#include "replay/recorded_memory.h"
#include "replay/tape_index.h"
#include "schema/base/result.h"
#include "schema/journal/reader.h"

namespace ktape {

// The kernel of a run, from its tape alone: types and symbols of its blobs, facts of its KernelIdentified
// record. kNotApplicable when the tape does not tell them; kBadInput names the record or blob that is wrong.
[[nodiscard]] Result<Kernel> restore_kernel(const JournalReader& tape, const TapeIndex& index);

// What memory held at a freeze, before the freeze's own writes. `tape` outlives it. kNotApplicable when no
// memory was kept; kBadInput when the list of its pages is not the one that was recorded.
[[nodiscard]] Result<RecordedMemory> memory_at(const JournalReader& tape, const RecordedFreeze& freeze);

}  // namespace ktape
