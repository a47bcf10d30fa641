// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schema/record.capnp.h"
#include "schema/tape/projection/rows.h"

namespace ktape {

// The part of `project` for requests, gates, freezes and values.

void project_op_requested(schema::Record::Reader record, Rows& rows);
void project_op_deferred(schema::Record::Reader record, Rows& rows);
void project_op_replied(schema::Record::Reader record, Rows& rows);
void project_gate(schema::Record::Reader record, Rows& rows);
void project_freeze_began(schema::Record::Reader record, Rows& rows);
void project_frozen(schema::Record::Reader record, Rows& rows);
void project_thawed(schema::Record::Reader record, Rows& rows);
void project_sample(schema::Record::Reader record, Rows& rows);

}  // namespace ktape
