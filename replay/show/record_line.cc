// SPDX-License-Identifier: Apache-2.0
#include "replay/show/record_line.h"

#include <fmt/format.h>

#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"
#include "schema/base/digest.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

std::string kernel_identified(schema::KernelIdentified::Reader kernel) {
  return fmt::format("kernel {} identified in {}", safe(kernel.getRelease()),
                     duration_text(kernel.getAdoptionNs()));
}

std::string guest_hello(schema::GuestHello::Reader hello) {
  return fmt::format("agent {} is up, {} online", safe(hello.getAgentVersion()),
                     count_text(hello.getOnlineCpus(), "CPU"));
}

std::string scheduler_attached(schema::SchedulerAttached::Reader scheduler) {
  return fmt::format("scheduler {} ({}) attached, {} switch", scheduler.getId(),
                     safe(scheduler.getName()), enum_words(scheduler.getSwitchMode()));
}

std::string scheduler_attempted(schema::SchedulerAttempted::Reader scheduler) {
  return fmt::format("scheduler {} ({}) is being enabled", scheduler.getId(),
                     safe(scheduler.getName()));
}

std::string worker_started(schema::WorkerStarted::Reader worker) {
  return fmt::format("worker {} started: pid {}, policy {}, start time {} ns",
                     in_quotes(chars(worker.getName())), worker.getPid(),
                     enum_words(worker.getPolicy()), worker.getStartBoottimeNs());
}

std::string worker_report(schema::WorkerReport::Reader report) {
  std::string text = fmt::format("worker {} ", in_quotes(chars(report.getName())));
  switch (report.getEvent()) {
    case schema::WorkerEvent::EXITED:
      text += fmt::format("exited with {}", report.getStatus());
      break;
    case schema::WorkerEvent::KILLED:
      text += fmt::format("was killed by signal {}", report.getStatus());
      break;
    case schema::WorkerEvent::PROGRESS: text += "made progress"; break;
    default: text += "reports"; break;
  }
  return fmt::format("{}, {} done", text, count_text(report.getPhasesDone(), "phase"));
}

std::string step_finished(schema::StepFinished::Reader step) {
  std::string text = fmt::format("step {} {}{}", step.getStep(), step.getOk() ? "done" : "FAILED",
                                 after_colon(step.getDetail()));
  uint64_t missed = 0;
  for (auto series : step.getSeries()) missed += series.getMissed();
  return missed == 0 ? text : text + fmt::format("; {} missed", count_text(missed, "interval"));
}

std::string trigger_changed(schema::TriggerChanged::Reader changed) {
  const std::string where =
      changed.getAddress() == 0 ? "" : fmt::format(" at {:#x}", changed.getAddress());
  const auto what = [&]() -> std::string {
    switch (changed.getChange()) {
      case schema::TriggerChange::ARMED: return "armed" + where;
      case schema::TriggerChange::NOT_ARMED: return "NOT ARMED";
      case schema::TriggerChange::SPENT: return "spent: it had all its hits";
      case schema::TriggerChange::GIVEN_UP:
        return "disarmed: its function is entered too often without a hit";
      case schema::TriggerChange::NOT_SAID: break;
    }
    return "changed in an unknown way";
  };
  return fmt::format("trigger {} {}{}", safe(changed.getTrigger()), what(),
                     after_colon(changed.getReason()));
}

std::string clocksource_seen(schema::ClocksourceSeen::Reader seen) {
  if (seen.getBefore().size() == 0)
    return "the guest's kernel uses the clocksource " + in_quotes(chars(seen.getName()));
  return fmt::format("{}the guest's kernel uses the clocksource {}, no longer {}",
                     is_of_the_boot(seen) ? "" : "CLOCKSOURCE CHANGED: ",
                     in_quotes(chars(seen.getName())), in_quotes(chars(seen.getBefore())));
}

std::string thawed(schema::Thawed::Reader thawed) {
  std::string text = fmt::format("thawed after {}", duration_text(thawed.getFrozenNs()));
  if (thawed.getThawLatencyNs() > 0)
    text += fmt::format(" (thawing took {})", duration_text(thawed.getThawLatencyNs()));
  if (thawed.getWaitedKnown() && thawed.getWaitedNs() > 0)
    text += fmt::format(", {} of it waiting for a CPU of the host",
                        duration_text(thawed.getWaitedNs()));
  if (thawed.getPages() > 0) text += ", " + count_text(thawed.getPages(), "page") + " kept";
  return text;
}

std::string guest_exited(schema::GuestExited::Reader exited) {
  std::string text = exited.getExplicitDone()
                         ? fmt::format("agent is done, exit code {}", exited.getExitCode())
                         : "guest ended BEFORE THE AGENT WAS DONE";
  return text + after_colon(exited.getDetail());
}

std::string step_started(schema::StepStarted::Reader step) {
  return fmt::format("STEP {}{}", step.getStep(), after_colon(step.getName()));
}

std::string op_deferred(schema::OpDeferred::Reader deferred) {
  return fmt::format("request {} deferred{}", deferred.getOp(), after_colon(deferred.getReason()));
}

std::string trace_chunk(schema::TraceChunk::Reader trace) {
  return fmt::format("trace of CPU {}, {}", trace.getCpu(), bytes_text(trace.getPages().size()));
}

std::string watchdog_fired(schema::WatchdogFired::Reader watchdog) {
  return fmt::format("WATCHDOG {} fired: {} ms have passed{}", in_quotes(chars(watchdog.getName())),
                     watchdog.getLimitMs(), after_colon(watchdog.getDetail()));
}

std::string sealed_after(schema::Sealed::Reader sealed) {
  return fmt::format("sealed after {}, {}, {}", count_text(sealed.getRecords(), "record"),
                     count_text(sealed.getPages(), "memory page"),
                     count_text(sealed.getBlobs(), "blob"));
}

std::string slimmed(schema::Slimmed::Reader slimmed) {
  return "slim: made from the tape with head digest " + to_hex(as_bytes(chars(slimmed.getHead()))) +
         ", without the types and symbols that nothing on it used";
}

}  // namespace

std::string record_line(schema::Record::Reader record) {
  switch (record.which()) {
    case schema::Record::UNKNOWN: return "a record without content";
    case schema::Record::RUN_STARTED: return "run started";
    case schema::Record::KERNEL_IDENTIFIED: return kernel_identified(record.getKernelIdentified());
    case schema::Record::GUEST_HELLO: return guest_hello(record.getGuestHello());
    case schema::Record::SCHEDULER_ATTACHED:
      return scheduler_attached(record.getSchedulerAttached());
    case schema::Record::SCHEDULER_ATTEMPTED:
      return scheduler_attempted(record.getSchedulerAttempted());
    case schema::Record::WORKER_STARTED: return worker_started(record.getWorkerStarted());
    case schema::Record::WORKER_REPORT: return worker_report(record.getWorkerReport());
    case schema::Record::STEP_STARTED: return step_started(record.getStepStarted());
    case schema::Record::STEP_FINISHED: return step_finished(record.getStepFinished());
    case schema::Record::OP_DEFERRED: return op_deferred(record.getOpDeferred());
    case schema::Record::THAWED: return thawed(record.getThawed());
    case schema::Record::TRACE_CHUNK: return trace_chunk(record.getTraceChunk());
    case schema::Record::WATCHDOG_FIRED: return watchdog_fired(record.getWatchdogFired());
    case schema::Record::MACHINE_LOST:
      return "MACHINE LOST" + after_colon(record.getMachineLost().getReason());
    case schema::Record::GUEST_EXITED: return guest_exited(record.getGuestExited());
    case schema::Record::SEALED: return sealed_after(record.getSealed());
    case schema::Record::TRIGGER_CHANGED: return trigger_changed(record.getTriggerChanged());
    case schema::Record::CLOCKSOURCE_SEEN: return clocksource_seen(record.getClocksourceSeen());
    case schema::Record::SLIMMED: return slimmed(record.getSlimmed());
    // Several lines, or none: see Timeline.
    case schema::Record::LAYOUT_USED:
    case schema::Record::SCHEDULER_OUTPUT:
    case schema::Record::SCHEDULER_EXITED:
    case schema::Record::SCHEDULER_ENABLE_FAILED:
    case schema::Record::SAMPLE:
    case schema::Record::OP_REQUESTED:
    case schema::Record::FREEZE_BEGAN:
    case schema::Record::FROZEN:
    case schema::Record::GATE_CHECKED:
    case schema::Record::OP_REPLIED:
    case schema::Record::CONSOLE:
    case schema::Record::GUEST_PANICKED:
    case schema::Record::LOST:
    case schema::Record::GUEST_OOPS:
    case schema::Record::GUEST_FACTS:
    case schema::Record::RUN_DELAYS: break;
  }
  return "";
}

}  // namespace ktape
