// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schema/record.capnp.h"
#include "schema/tape/projection/rows.h"

namespace ktape {

// The part of `project` for what the agent reports: the guest, its schedulers, workers and steps.

void project_guest(schema::Record::Reader record, Rows& rows);
void project_scheduler_attached(schema::Record::Reader record, Rows& rows);
void project_scheduler_attempted(schema::Record::Reader record, Rows& rows);
void project_scheduler_enable_failed(schema::Record::Reader record, Rows& rows);
void project_scheduler_exited(schema::Record::Reader record, Rows& rows);
void project_scheduler_output(schema::Record::Reader record, Rows& rows);
void project_worker_started(schema::Record::Reader record, Rows& rows);
void project_worker_report(schema::Record::Reader record, Rows& rows);
void project_step_started(schema::Record::Reader record, Rows& rows);
void project_step_finished(schema::Record::Reader record, Rows& rows);
void project_guest_facts(schema::Record::Reader record, Rows& rows);
void project_guest_exited(schema::Record::Reader record, Rows& rows);

}  // namespace ktape
