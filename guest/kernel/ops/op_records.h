// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/list.h>

#include <vector>

#include "guest/kernel/ops/op.h"
#include "schema/base/result.h"
#include "schema/op.capnp.h"
#include "schema/record.capnp.h"

namespace ktape {

// Entries of a request as plain values. Parses `path` if `steps` is empty. kUsage names the entry
// and its fault: a bad path, no pid, a hot write, reads and writes in one request.
[[nodiscard]] Result<std::vector<Op>> read_ops(capnp::List<schema::OpEntry>::Reader entries,
                                               schema::OpMode mode);

// One entry of a scenario: a task named by its worker has pid 0, because the pid is not known yet.
[[nodiscard]] Result<Op> read_op(schema::OpEntry::Reader entry, schema::OpMode mode);

// Copies an entry into a record, with its parsed steps.
void write_op(schema::OpEntry::Reader from, const Op& op, schema::OpEntry::Builder to);

void write_result(const OpResult& result, schema::EntryReply::Builder to);
void write_gate(uint64_t op, uint32_t entry, const GateResult& gate,
                schema::GateChecked::Builder to);
void write_value(const OpValue& value, schema::Value::Builder to);

}  // namespace ktape
