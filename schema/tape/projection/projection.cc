// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/projection/projection.h"

#include <string>

#include "schema/tape/projection/cells.h"
#include "schema/tape/projection/projection_guest.h"
#include "schema/tape/projection/projection_ops.h"

namespace ktape {

namespace {

using namespace cells;
using schema::Record;

struct ShapeInfo {
  RowShape shape;
  const char* table;
  size_t key_columns;
};

constexpr ShapeInfo kShapes[] = {
    {RowShape::kRun, "run", 1},
    {RowShape::kKernel, "kernel", 1},
    {RowShape::kGuest, "guest", 1},
    {RowShape::kLayout, "layout", 1},
    {RowShape::kSchedulerAttempted, "scheduler_attempt", 1},
    {RowShape::kSchedulerEnableFailed, "scheduler_attempt", 1},
    {RowShape::kSchedulerAttached, "scheduler", 1},
    {RowShape::kSchedulerExited, "scheduler", 1},
    {RowShape::kSchedulerOutput, "scheduler_output", 1},
    {RowShape::kWorkerStarted, "worker", 1},
    {RowShape::kWorkerReport, "worker", 1},
    {RowShape::kStepStarted, "step", 1},
    {RowShape::kStepFinished, "step", 1},
    {RowShape::kRequest, "request", 1},
    {RowShape::kRequestDeferred, "request", 1},
    {RowShape::kRequestReplied, "request", 1},
    {RowShape::kOpAsked, "kernel_op", 2},
    {RowShape::kOpAnswered, "kernel_op", 2},
    {RowShape::kLockUser, "lock_user", 3},
    {RowShape::kGate, "gate", 1},
    {RowShape::kFreezeBegan, "freeze", 1},
    {RowShape::kFreezeHit, "freeze_hit", 2},
    {RowShape::kFrozen, "freeze", 1},
    {RowShape::kThawed, "freeze", 1},
    {RowShape::kWaiting, "waiting", 2},
    {RowShape::kVcpu, "vcpu", 2},
    {RowShape::kRunDelay, "run_delay", 2},
    {RowShape::kClocksource, "clocksource", 1},
    {RowShape::kSample, "sample", 1},
    {RowShape::kTraceChunk, "trace_chunk", 1},
    {RowShape::kConsole, "console", 1},
    {RowShape::kIncident, "incident", 1},
    {RowShape::kOops, "oops", 1},
    {RowShape::kGuestFact, "guest_fact", 2},
    {RowShape::kTriggerPlanned, "freeze_trigger", 1},
    {RowShape::kTriggerCounted, "freeze_trigger", 1},
    {RowShape::kTriggerChanged, "trigger_change", 1},
    {RowShape::kSlimmed, "slimmed", 1},
    {RowShape::kGuestExit, "guest_exit", 1},
    {RowShape::kLoss, "loss", 2},
    {RowShape::kEnding, "ending", 1},
};

// The tables are indexed by the enum, so a row in the wrong place must not compile.
consteval bool in_the_order_of_the_enum() {
  for (size_t i = 0; i < std::size(kShapes); ++i) {
    if (kShapes[i].shape != static_cast<RowShape>(i)) return false;
  }
  return std::size(kShapes) == static_cast<size_t>(RowShape::kCount);
}
static_assert(in_the_order_of_the_enum());

void run_started(Record::Reader record, Rows& rows) {
  auto run = record.getRunStarted();
  auto program = run.getSchedulerProgram();
  auto host = run.getHostProcessor();
  rows.push_back({RowShape::kRun,
                  {{"seq", count(record.getSeq())},
                   {"host_ns", count(record.getHostNs())},
                   {"guest_ns", guest_time(record.getGuestNs())},
                   {"scenario", text(run.getScenario().getName())},
                   {"started", utc(run.getWallClockNs())},
                   {"ktape_version", text(run.getKtapeVersion())},
                   {"kernel_image", text(run.getKernelImage())},
                   {"kernel_image_sha256", digest(run.getKernelImageDigest())},
                   {"kernel_command_line", text(run.getKernelCommandLine())},
                   {"initramfs_sha256", digest(run.getInitramfsDigest())},
                   {"cpus", count(run.getCpus())},
                   {"sockets", count(run.getSockets())},
                   {"cores", count(run.getCores())},
                   {"threads", count(run.getThreads())},
                   {"numa_nodes", count(run.getNumaNodes())},
                   {"memory_bytes", count(run.getMemoryBytes())},
                   {"accelerator", name(run.getAcceleratorUsed())},
                   {"accelerator_asked", name(run.getAcceleratorAsked())},
                   {"accelerator_reason", text(run.getAcceleratorReason())},
                   {"time_is_real", flag(run.getTimeIsReal())},
                   {"fast_boot", flag(run.getFastBoot())},
                   {"qemu_version", text(run.getQemuVersion())},
                   {"qemu_arguments", joined(run.getQemuArguments())},
                   {"host_cpu", text(run.getHostCpu())},
                   {"host_kernel", text(run.getHostKernel())},
                   {"llcs", count(run.getLlcs())},
                   {"memory_mode", name(run.getMemoryMode())},
                   {"freeze_every_ms", count(run.getFreezeEveryMs())},
                   {"arguments", joined(run.getArguments())},
                   {"working_folder", text(run.getWorkingFolder())},
                   {"scheduler_program", text(program.getPath())},
                   {"scheduler_sha256", digest(program.getDigest())},
                   {"scheduler_build_id", digest(program.getBuildId())},
                   {"scheduler_checkout", name(program.getCheckout())},
                   {"scheduler_commit", text(program.getCommit())},
                   {"host_is_guest", optional(host.getKnown(), flag(host.getHypervisor()))},
                   {"host_hypervisor", text(host.getHypervisorName())},
                   {"host_kvm_nested", text(host.getKvmNested())},
                   {"host_cpus", count(host.getCpus())},
                   {"freezes_reset_watchdogs", flag(run.getFreezesResetWatchdogs())}}});
  for (auto trigger : of_rows(run.getFreezeTriggers())) {
    rows.push_back({RowShape::kTriggerPlanned,
                    {{"name", text(trigger.getName())},
                     {"function", text(trigger.getFunction())},
                     {"times", count(trigger.getTimes())},
                     {"arming", name(trigger.getArming())},
                     {"step", count(trigger.getStep())}}});
  }
}

Row kernel(Record::Reader record) {
  auto kernel = record.getKernelIdentified();
  return {RowShape::kKernel,
          {{"seq", count(record.getSeq())},
           {"host_ns", count(record.getHostNs())},
           {"guest_ns", guest_time(record.getGuestNs())},
           {"release", text(kernel.getRelease())},
           {"banner", text(kernel.getBanner())},
           {"preemption", text(kernel.getPreemption())},
           {"hz", count(kernel.getHz())},
           {"cpus", count(kernel.getCpus())},
           {"paging_levels", count(kernel.getPagingLevels())},
           {"kaslr_slide", hex(kernel.getKaslrSlide())},
           {"phys_base", hex(kernel.getPhysBase())},
           {"page_offset", hex(kernel.getPageOffset())},
           {"vmcoreinfo_agrees", flag(kernel.getVmcoreinfoAgrees())},
           {"build_id", digest(kernel.getBuildId())},
           {"btf_sha256", digest(kernel.getBtfDigest())},
           {"symbols_sha256", digest(kernel.getSymbolsDigest())},
           {"adoption_ns", count(kernel.getAdoptionNs())},
           {"soft_lockup_ms", count(kernel.getSoftLockupMs())},
           {"rcu_stall_ms", count(kernel.getRcuStallMs())}}};
}

Row layout(Record::Reader record) {
  auto layout = record.getLayoutUsed();
  return {RowShape::kLayout,
          {{"seq", count(record.getSeq())},
           {"host_ns", count(record.getHostNs())},
           {"guest_ns", guest_time(record.getGuestNs())},
           {"type", text(layout.getType())},
           {"path", text(layout.getPath())},
           {"offset_bytes", count(layout.getOffsetBytes())},
           {"size_bytes", count(layout.getSizeBytes())},
           {"encoding", text(layout.getEncoding())}}};
}

Row trace_chunk(Record::Reader record) {
  auto chunk = record.getTraceChunk();
  return {RowShape::kTraceChunk,
          {{"seq", count(record.getSeq())},
           {"host_ns", count(record.getHostNs())},
           {"guest_ns", guest_time(record.getGuestNs())},
           {"cpu", count(chunk.getCpu())},
           {"bytes", count(chunk.getPages().size())}}};
}

Row console(Record::Reader record) {
  return {RowShape::kConsole,
          {{"seq", count(record.getSeq())},
           {"host_ns", count(record.getHostNs())},
           {"guest_ns", guest_time(record.getGuestNs())},
           {"text", text(record.getConsole().getText())}}};
}

Row incident(Record::Reader record, const char* what, Cell detail) {
  return {RowShape::kIncident,
          {{"seq", count(record.getSeq())},
           {"host_ns", count(record.getHostNs())},
           {"guest_ns", guest_time(record.getGuestNs())},
           {"what", plain(what)},
           {"detail", std::move(detail)}}};
}

Row oops(Record::Reader record) {
  auto oops = record.getGuestOops();
  return {RowShape::kOops,
          {{"seq", count(record.getSeq())},
           {"host_ns", count(record.getHostNs())},
           {"guest_ns", guest_time(record.getGuestNs())},
           {"kind", name(oops.getKind())},
           {"text", text(oops.getText())}}};
}

Row trigger_changed(Record::Reader record) {
  auto changed = record.getTriggerChanged();
  return {RowShape::kTriggerChanged,
          {{"seq", count(record.getSeq())},
           {"host_ns", count(record.getHostNs())},
           {"guest_ns", guest_time(record.getGuestNs())},
           {"name", text(changed.getTrigger())},
           {"change", name(changed.getChange())},
           {"address", hex(changed.getAddress())},
           {"reason", text(changed.getReason())}}};
}

void run_delays(Record::Reader record, Rows& rows) {
  auto delays = record.getRunDelays();
  for (auto vcpu : of_rows(delays.getVcpus())) {
    const bool known = vcpu.getKnown();
    rows.push_back(
        {RowShape::kRunDelay,
         {{"seq", count(record.getSeq())},
          {"cpu", count(vcpu.getVcpu())},
          {"host_ns", count(record.getHostNs())},
          {"guest_ns", guest_time(record.getGuestNs())},
          {"freeze", count(delays.getFreeze())},
          {"thread", optional(known, number(vcpu.getThread()))},
          {"ran_ns", optional(known, count(vcpu.getRanNs()))},
          {"waited_ns", optional(known, count(vcpu.getWaitedNs()))},
          {"timeslices", optional(known, count(vcpu.getTimeslices()))},
          {"stolen_ns", optional(delays.getStolenKnown(), count(delays.getStolenNs()))}}});
  }
}

Row clocksource_seen(Record::Reader record) {
  auto seen = record.getClocksourceSeen();
  return {RowShape::kClocksource,
          {{"seq", count(record.getSeq())},
           {"host_ns", count(record.getHostNs())},
           {"guest_ns", guest_time(record.getGuestNs())},
           {"name", text(seen.getName())},
           {"before", text(seen.getBefore())},
           {"freeze", count(seen.getFreeze())}}};
}

Row slimmed(Record::Reader record) {
  auto slimmed = record.getSlimmed();
  return {RowShape::kSlimmed,
          {{"seq", count(record.getSeq())},
           {"host_ns", count(record.getHostNs())},
           {"guest_ns", guest_time(record.getGuestNs())},
           {"head_sha256", digest(slimmed.getHead())},
           {"ktape_version", text(slimmed.getKtapeVersion())}}};
}

Row watchdog_fired(Record::Reader record) {
  auto fired = record.getWatchdogFired();
  std::string detail = std::string(fired.getName()) + " after " +
                       std::to_string(fired.getLimitMs()) +
                       " ms: " + std::string(fired.getDetail());
  return incident(record, "watchdogFired", plain(detail));
}

void losses(Record::Reader record, capnp::List<schema::LossCounter>::Reader counters, Rows& rows) {
  for (auto counter : of_rows(counters)) {
    rows.push_back({RowShape::kLoss,
                    {{"seq", count(record.getSeq())},
                     {"name", text(counter.getName())},
                     {"host_ns", count(record.getHostNs())},
                     {"guest_ns", guest_time(record.getGuestNs())},
                     {"count", count(counter.getCount())},
                     {"description", text(counter.getDescription())}}});
  }
}

void sealed(Record::Reader record, Rows& rows) {
  auto sealed = record.getSealed();
  auto intervals = sealed.getIntervals();
  const auto of_intervals = [&](uint64_t value) {
    return sealed.hasIntervals() ? count(value) : Cell();
  };
  rows.push_back({RowShape::kEnding,
                  {{"seq", count(record.getSeq())},
                   {"host_ns", count(record.getHostNs())},
                   {"guest_ns", guest_time(record.getGuestNs())},
                   {"outcome", name(sealed.getOutcome())},
                   {"exit_code", number(sealed.getExitCode())},
                   {"detail", text(sealed.getDetail())},
                   {"records", count(sealed.getRecords())},
                   {"pages", count(sealed.getPages())},
                   {"blobs", count(sealed.getBlobs())},
                   {"intervals_froze", of_intervals(intervals.getFroze())},
                   {"intervals_skipped_busy", of_intervals(intervals.getSkippedBusy())},
                   {"intervals_skipped_late", of_intervals(intervals.getSkippedLate())}}});
  losses(record, sealed.getLosses(), rows);
  for (auto trigger : of_rows(sealed.getTriggers())) {
    rows.push_back({RowShape::kTriggerCounted,
                    {{"name", text(trigger.getName())},
                     {"armed", flag(trigger.getArmed())},
                     {"freezes", count(trigger.getFreezes())},
                     {"hits", count(trigger.getHits())}}});
  }
}

void project_into(Record::Reader record, Rows& rows) {
  switch (record.which()) {
    // A kind that this build does not know writes no rows: the same tape projected by a newer build
    // may have more.
    case Record::UNKNOWN: return;
    case Record::RUN_STARTED: return run_started(record, rows);
    case Record::KERNEL_IDENTIFIED: return rows.push_back(kernel(record));
    case Record::LAYOUT_USED: return rows.push_back(layout(record));
    case Record::GUEST_HELLO: return project_guest(record, rows);
    case Record::SCHEDULER_ATTACHED: return project_scheduler_attached(record, rows);
    case Record::SCHEDULER_OUTPUT: return project_scheduler_output(record, rows);
    case Record::SCHEDULER_EXITED: return project_scheduler_exited(record, rows);
    case Record::WORKER_STARTED: return project_worker_started(record, rows);
    case Record::WORKER_REPORT: return project_worker_report(record, rows);
    case Record::STEP_STARTED: return project_step_started(record, rows);
    case Record::STEP_FINISHED: return project_step_finished(record, rows);
    case Record::OP_REQUESTED: return project_op_requested(record, rows);
    case Record::OP_DEFERRED: return project_op_deferred(record, rows);
    case Record::FREEZE_BEGAN: return project_freeze_began(record, rows);
    case Record::FROZEN: return project_frozen(record, rows);
    case Record::THAWED: return project_thawed(record, rows);
    case Record::GATE_CHECKED: return project_gate(record, rows);
    case Record::OP_REPLIED: return project_op_replied(record, rows);
    case Record::SAMPLE: return project_sample(record, rows);
    case Record::TRACE_CHUNK: return rows.push_back(trace_chunk(record));
    case Record::CONSOLE: return rows.push_back(console(record));
    case Record::GUEST_PANICKED:
      return rows.push_back(
          incident(record, "guestPanicked", text(record.getGuestPanicked().getText())));
    case Record::WATCHDOG_FIRED: return rows.push_back(watchdog_fired(record));
    case Record::MACHINE_LOST:
      return rows.push_back(
          incident(record, "machineLost", text(record.getMachineLost().getReason())));
    case Record::GUEST_EXITED: return project_guest_exited(record, rows);
    case Record::LOST: return losses(record, record.getLost().getCounters(), rows);
    case Record::SEALED: return sealed(record, rows);
    case Record::GUEST_OOPS: return rows.push_back(oops(record));
    case Record::GUEST_FACTS: return project_guest_facts(record, rows);
    case Record::SLIMMED: return rows.push_back(slimmed(record));
    case Record::TRIGGER_CHANGED: return rows.push_back(trigger_changed(record));
    case Record::SCHEDULER_ATTEMPTED: return project_scheduler_attempted(record, rows);
    case Record::SCHEDULER_ENABLE_FAILED: return project_scheduler_enable_failed(record, rows);
    case Record::RUN_DELAYS: return run_delays(record, rows);
    case Record::CLOCKSOURCE_SEEN: return rows.push_back(clocksource_seen(record));
  }
}

}  // namespace

const char* table_of(RowShape shape) { return kShapes[static_cast<size_t>(shape)].table; }
size_t key_columns_of(RowShape shape) { return kShapes[static_cast<size_t>(shape)].key_columns; }

std::vector<Row> project(schema::Record::Reader record) {
  Rows rows;
  project_into(record, rows);
  return rows;
}

}  // namespace ktape
