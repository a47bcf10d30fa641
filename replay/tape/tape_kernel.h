// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "guest/kernel/kernel.h"
#include "replay/tape/recorded_memory.h"
#include "replay/tape/tape_index.h"
#include "schema/base/result.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

// The kernel of a run, restored from its tape alone: types and symbols from its blobs, facts from
// its KernelIdentified record. kNotApplicable if the tape does not have them; kBadInput names the
// bad record or blob.
[[nodiscard]] Result<Kernel> restore_kernel(const TapeReader& tape, const TapeIndex& index);

// The kernel's types alone. Errors are those of restore_kernel.
[[nodiscard]] Result<std::unique_ptr<Btf>> restore_types(const TapeReader& tape,
                                                         const TapeIndex& index);

// The rows of a freeze's pages, by frame. kNotApplicable if no memory was kept; kBadInput if they
// are not the recorded ones.
[[nodiscard]] Result<std::vector<FreezePage>> rows_at(const TapeReader& tape, const Freeze& freeze);

// Memory at a freeze, before the freeze's own writes. `tape` outlives it. Errors are those of
// rows_at.
[[nodiscard]] Result<RecordedMemory> memory_at(const TapeReader& tape, const Freeze& freeze);

}  // namespace ktape
