// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>

#include "guest/kernel/survey/waiting_tasks.h"
#include "guest/kernel/types/btf.h"
#include "schema/record.capnp.h"

namespace ktape {

// The workers that waited, and the task that the kernel names as waiting, according to what the
// recorder read of them in its own freeze: jiffies_64, and for each on_rq, cpus_mask, scx.dsq->id
// and scx.runnable_at. A task on a runqueue counts, unless its pid is among `others`: those that
// run, and those of another class. `hz` 0: times are not known. `btf` may be null: DSQs remain
// numbers.
[[nodiscard]] WaitingTasks waiting_in_reads(schema::OpRequested::Reader request,
                                            schema::OpReplied::Reader reply,
                                            const std::set<int32_t>& others, uint32_t hz,
                                            uint32_t cpus, const Btf* btf);

}  // namespace ktape
