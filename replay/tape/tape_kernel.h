// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "guest/kernel/kernel.h"
#include "replay/tape/recorded_memory.h"
#include "replay/tape/tape_index.h"
#include "schema/base/result.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

// The kernel of a run, from its tape alone: types and symbols of its blobs, facts of its
// KernelIdentified record. kNotApplicable when the tape does not tell them; kBadInput names the
// record or blob that is wrong.
[[nodiscard]] Result<Kernel> restore_kernel(const TapeReader& tape, const TapeIndex& index);

// The kernel's types alone. Errors as of restore_kernel.
[[nodiscard]] Result<std::unique_ptr<Btf>> restore_types(const TapeReader& tape,
                                                         const TapeIndex& index);

// The rows of a freeze's pages, by frame. kNotApplicable when no memory was kept; kBadInput when
// they are not those that were recorded.
[[nodiscard]] Result<std::vector<FreezePage>> rows_at(const TapeReader& tape, const Freeze& freeze);

// What memory held at a freeze, before the freeze's own writes. `tape` outlives it. Errors as of
// rows_at.
[[nodiscard]] Result<RecordedMemory> memory_at(const TapeReader& tape, const Freeze& freeze);

}  // namespace ktape
