// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/projection/projection_guest.h"

#include "schema/tape/projection/cells.h"

namespace ktape {

using namespace cells;
using schema::Record;

void project_guest(Record::Reader record, Rows& rows) {
  auto hello = record.getGuestHello();
  rows.push_back({RowShape::kGuest,
                  {{"seq", count(record.getSeq())},
                   {"host_ns", count(record.getHostNs())},
                   {"guest_ns", guest_time(record.getGuestNs())},
                   {"release", text(hello.getRelease())},
                   {"version", text(hello.getVersion())},
                   {"command_line", text(hello.getCommandLine())},
                   {"online_cpus", count(hello.getOnlineCpus())},
                   {"boot_time_ns", count(hello.getBootTimeNs())},
                   {"agent_version", text(hello.getAgentVersion())}}});
}

void project_scheduler_attached(Record::Reader record, Rows& rows) {
  auto scheduler = record.getSchedulerAttached();
  rows.push_back({RowShape::kSchedulerAttached,
                  {{"id", count(scheduler.getId())},
                   {"name", text(scheduler.getName())},
                   {"switch_mode", name(scheduler.getSwitchMode())},
                   {"vtime", name(scheduler.getVtime())},
                   {"timeout_ms", count(scheduler.getTimeoutMs())},
                   {"ops", joined(scheduler.getOps())},
                   {"parent", count(scheduler.getParent())},
                   {"cgroup", text(scheduler.getCgroup())},
                   {"object_sha256", digest(scheduler.getObjectDigest())},
                   {"seq_attached", count(record.getSeq())},
                   {"attached_ns", count(record.getHostNs())},
                   {"attached_guest_ns", guest_time(record.getGuestNs())}}});
}

void project_scheduler_attempted(Record::Reader record, Rows& rows) {
  auto attempted = record.getSchedulerAttempted();
  rows.push_back({RowShape::kSchedulerAttempted,
                  {{"id", count(attempted.getId())},
                   {"name", text(attempted.getName())},
                   {"parent", count(attempted.getParent())},
                   {"cgroup", text(attempted.getCgroup())},
                   {"seq_attempted", count(record.getSeq())},
                   {"attempted_ns", count(record.getHostNs())},
                   {"attempted_guest_ns", guest_time(record.getGuestNs())}}});
}

void project_scheduler_enable_failed(Record::Reader record, Rows& rows) {
  auto failed = record.getSchedulerEnableFailed();
  rows.push_back({RowShape::kSchedulerEnableFailed,
                  {{"id", count(failed.getId())},
                   {"exit_kind", count(failed.getKind())},
                   {"exit_reason", text(failed.getReason())},
                   {"exit_message", text(failed.getMessage())},
                   {"exit_code", number(failed.getExitCode())},
                   {"exit_dump", text(failed.getDump())},
                   {"seq_failed", count(record.getSeq())},
                   {"failed_ns", count(record.getHostNs())},
                   {"failed_guest_ns", guest_time(record.getGuestNs())}}});
}

void project_scheduler_exited(Record::Reader record, Rows& rows) {
  auto exited = record.getSchedulerExited();
  rows.push_back({RowShape::kSchedulerExited,
                  {{"id", count(exited.getId())},
                   {"exit_kind", count(exited.getKind())},
                   {"exit_reason", text(exited.getReason())},
                   {"exit_message", text(exited.getMessage())},
                   {"exit_code", number(exited.getExitCode())},
                   {"exit_dump", text(exited.getDump())},
                   {"exit_unfinished", flag(exited.getUnfinished())},
                   {"seq_exited", count(record.getSeq())},
                   {"exited_ns", count(record.getHostNs())},
                   {"exited_guest_ns", guest_time(record.getGuestNs())}}});
}

void project_scheduler_output(Record::Reader record, Rows& rows) {
  auto output = record.getSchedulerOutput();
  rows.push_back({RowShape::kSchedulerOutput,
                  {{"seq", count(record.getSeq())},
                   {"host_ns", count(record.getHostNs())},
                   {"guest_ns", guest_time(record.getGuestNs())},
                   {"scheduler", count(output.getId())},
                   {"text", text(output.getText())}}});
}

void project_worker_started(Record::Reader record, Rows& rows) {
  auto worker = record.getWorkerStarted();
  rows.push_back({RowShape::kWorkerStarted,
                  {{"name", text(worker.getName())},
                   {"pid", number(worker.getPid())},
                   {"start_boottime_ns", count(worker.getStartBoottimeNs())},
                   {"policy", name(worker.getPolicy())},
                   {"comm", text(worker.getComm())},
                   {"seq_started", count(record.getSeq())},
                   {"started_ns", count(record.getHostNs())},
                   {"started_guest_ns", guest_time(record.getGuestNs())}}});
}

void project_worker_report(Record::Reader record, Rows& rows) {
  auto report = record.getWorkerReport();
  rows.push_back({RowShape::kWorkerReport,
                  {{"name", text(report.getName())},
                   {"event", name(report.getEvent())},
                   {"status", number(report.getStatus())},
                   {"phases_done", count(report.getPhasesDone())},
                   {"seq_reported", count(record.getSeq())},
                   {"reported_ns", count(record.getHostNs())},
                   {"reported_guest_ns", guest_time(record.getGuestNs())}}});
}

void project_step_started(Record::Reader record, Rows& rows) {
  auto step = record.getStepStarted();
  rows.push_back({RowShape::kStepStarted,
                  {{"step", count(step.getStep())},
                   {"name", text(step.getName())},
                   {"started_ns", count(record.getHostNs())},
                   {"seq_started", count(record.getSeq())},
                   {"started_guest_ns", guest_time(record.getGuestNs())}}});
}

void project_step_finished(Record::Reader record, Rows& rows) {
  auto step = record.getStepFinished();
  rows.push_back({RowShape::kStepFinished,
                  {{"step", count(step.getStep())},
                   {"ok", flag(step.getOk())},
                   {"detail", text(step.getDetail())},
                   {"finished_ns", count(record.getHostNs())},
                   {"seq_finished", count(record.getSeq())},
                   {"finished_guest_ns", guest_time(record.getGuestNs())}}});
}

void project_guest_facts(Record::Reader record, Rows& rows) {
  auto guest_facts = record.getGuestFacts();
  const auto facts = of_rows(guest_facts.getFacts());
  for (uint i = 0; i < facts.size(); ++i) {
    rows.push_back({RowShape::kGuestFact,
                    {{"seq", count(record.getSeq())},
                     {"fact", count(i)},
                     {"host_ns", count(record.getHostNs())},
                     {"guest_ns", guest_time(record.getGuestNs())},
                     {"subject", text(guest_facts.getSubject())},
                     {"name", text(facts[i].getName())},
                     {"value", text(facts[i].getValue())}}});
  }
}

void project_guest_exited(Record::Reader record, Rows& rows) {
  auto exited = record.getGuestExited();
  rows.push_back({RowShape::kGuestExit,
                  {{"seq", count(record.getSeq())},
                   {"host_ns", count(record.getHostNs())},
                   {"guest_ns", guest_time(record.getGuestNs())},
                   {"explicit_done", flag(exited.getExplicitDone())},
                   {"exit_code", number(exited.getExitCode())},
                   {"detail", text(exited.getDetail())}}});
}

}  // namespace ktape
