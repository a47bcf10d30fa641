// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/list.h>

#include <vector>

#include "guest/kernel/ops/op.h"
#include "schema/base/result.h"
#include "schema/op.capnp.h"
#include "schema/record.capnp.h"

namespace ktape {

// Entries of a request as plain values. `path` is parsed when `steps` is empty. kUsage names the
// entry and what is wrong with it: a bad path, no pid, a hot write, reads and writes in one
// request.
[[nodiscard]] Result<std::vector<Op>> read_ops(capnp::List<schema::OpEntry>::Reader entries,
                                               schema::OpMode mode);

// One entry by itself, as a scenario has it: a task named by its worker has no pid yet, which is
// then 0.
[[nodiscard]] Result<Op> read_op(schema::OpEntry::Reader entry, schema::OpMode mode);

// Copies an entry into a record with its parsed steps.
void write_op(schema::OpEntry::Reader from, const Op& op, schema::OpEntry::Builder to);

void write_result(const OpResult& result, schema::EntryReply::Builder to);
void write_gate(uint64_t op, uint32_t entry, const GateResult& gate,
                schema::GateChecked::Builder to);
void write_value(const OpValue& value, schema::Value::Builder to);

}  // namespace ktape
