// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/op.capnp.h"

namespace ktape {

// A read as people type it on one line: a root, a path as scenarios write it, and, after a colon,
// the width.
//
//   jiffies_64:u64                        a symbol; it needs a width
//   cpu0:runqueues.nr_running             a CPU's instance of a per-CPU variable
//   task:sleeper.scx.dsq_vtime            a worker of the scenario, by its name
//   task:147.comm                         a task, by its pid
//   task:147@5230000000                   the same, checked against its start time in ns
//   task:pid=147.comm                     the same if a worker is named '147'
//   '(struct rq)0xffff888012345680.curr->pid'   the object at an address
//   '(struct task_struct)init_task.comm'        the object at a symbol that has no type in BTF
//   '((struct scx_sched *)scx_root)->exit_kind' the object that the pointer at a symbol points to
//   '((struct rq *)0xffff888012345680)->cpu'    as C writes the object at an address
//   0xffff888012345680:bytes(16)
//
// The width is u8, u16, u32, u64, bytes(N), whole, or auto (the default), which takes the type's.
// The output of `target_text` is accepted too: "runqueues[cpu 0].nr_running", "task 'sleeper'
// scx.dsq_vtime". A name with characters other than letters, digits and '_' (for a worker also '-')
// is given in single quotes, in which a quote is doubled.
//
// Fills in target, read and length. Returns the symbol whose address the 'virtual' target still
// needs; empty for every other target. kUsage names the column and what was expected there.
[[nodiscard]] Result<std::string> parse_target_line(std::string_view text,
                                                    schema::OpEntry::Builder entry);

}  // namespace ktape
