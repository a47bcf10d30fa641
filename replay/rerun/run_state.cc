// SPDX-License-Identifier: Apache-2.0
#include "replay/rerun/run_state.h"

#include <fmt/format.h>

#include "replay/text/json_lines.h"
#include "replay/text/record_text.h"
#include "schema/base/json_format.h"
#include "schema/base/text.h"
#include "schema/terms/scheduler_exit.h"
#include "schema/wire/enum_name.h"

namespace ktape {

namespace {

// Bounds the memory that an untrusted tape can make us use; far above any real run.
constexpr size_t kMaxKeptOfEach = size_t{1} << 16;

std::string kind_name(const RecordView& view) {
  if (!view.known) return fmt::format("a record of unknown kind {}", view.kind);
  KJ_IF_MAYBE (field, capnp::DynamicStruct::Reader(view.record).which()) {
    return field->getProto().getName().cStr();
  }
  return "nothing";
}

std::string worker_text(schema::WorkerStarted::Reader started,
                        schema::WorkerReport::Reader report) {
  const std::string done = count_text(report.getPhasesDone(), "phase") + " done";
  std::string text =
      fmt::format("pid {}, policy {}, ", started.getPid(), enum_words(started.getPolicy()));
  switch (report.getEvent()) {
    case schema::WorkerEvent::EXITED:
      return text + fmt::format("exited with {}, {}", report.getStatus(), done);
    case schema::WorkerEvent::KILLED:
      return text + fmt::format("killed by signal {}, {}", report.getStatus(), done);
    case schema::WorkerEvent::PROGRESS: return text + done;
    default: return text + "started";
  }
}

std::string scheduler_text(schema::SchedulerAttempted::Reader attempted, bool is_attached,
                           schema::SchedulerAttached::Reader attached, bool has_exited,
                           schema::SchedulerExited::Reader exited) {
  std::string text = safe(is_attached ? attached.getName() : attempted.getName()) + ", ";
  if (is_attached) text += enum_words(attached.getSwitchMode()) + " switch, ";
  if (!has_exited) return text + (is_attached ? "attached" : "being enabled");
  text += fmt::format("{}, {}", is_attached ? "exited" : "not enabled",
                      exit_words(exited.getKind(), exited.getExitCode()));
  return exited.getReason().size() == 0 ? text : text + ": " + safe(exited.getReason());
}

// "2 reads: vtime, nr_running"
std::string request_text(schema::OpRequested::Reader request) {
  std::string tags;
  size_t reads = 0;
  for (const auto entry : request.getEntries()) {
    reads += entry.isRead();
    tags += (tags.empty() ? "" : ", ") + safe(entry.getTag());
  }
  const std::string count =
      reads > 0 ? count_text(reads, "read") : count_text(request.getEntries().size(), "write");
  return fmt::format("request {}, {}, {}: {}", request.getOp(), enum_words(request.getMode()),
                     count, tags);
}

template <typename T>
void put_or_null(JsonWriter& json, std::string_view name, const OwnedMessage<T>& kept) {
  json.key(name);
  if (kept.present()) {
    json.value(JsonText{json_text(kept.get())});
  } else {
    json.null();
  }
}

}  // namespace

RunState::RunState()
    : requests_([this](const ServedRequest&) -> Result<void> {
        ++served_;
        return {};
      }) {}

Result<void> RunState::visit(const RecordView& view) {
  seq_ = view.seq;
  host_ns_ = view.record.getHostNs();
  kind_ = kind_name(view);
  // Before fold(): a reply to a request that is not there ends the reading.
  KTAPE_TRY(requests_.visit(view));
  if (view.known) fold(view.seq, view.record);
  if (steps_.size() <= kMaxKeptOfEach && workers_.size() <= kMaxKeptOfEach &&
      schedulers_.size() <= kMaxKeptOfEach)
    return {};
  return Error{ErrorCode::kOutOfRange,
               "the tape has more steps, workers or schedulers than a run can have", ""};
}

void RunState::fold(Seq seq, schema::Record::Reader record) {
  switch (record.which()) {
    case schema::Record::RUN_STARTED:
      scenario_ = string_of(record.getRunStarted().getScenario().getName());
      return;
    case schema::Record::GUEST_HELLO: guest_up_ = true; return;
    case schema::Record::KERNEL_IDENTIFIED: kernel_known_ = true; return;
    case schema::Record::STEP_STARTED: {
      const auto from = record.getStepStarted();
      steps_[from.getStep()] = Step{string_of(from.getName()), "running", "", seq, Seq(0)};
      return;
    }
    case schema::Record::STEP_FINISHED: {
      const auto from = record.getStepFinished();
      Step& step = steps_[from.getStep()];
      step.state = from.getOk() ? "done" : "failed";
      step.detail = string_of(from.getDetail());
      step.finished = seq;
      return;
    }
    case schema::Record::WORKER_STARTED: {
      Worker& worker = workers_[string_of(record.getWorkerStarted().getName())];
      // A worker of that name started anew: what was reported of the old one is gone.
      worker = Worker{};
      worker.started.keep(record.getWorkerStarted());
      return;
    }
    case schema::Record::WORKER_REPORT:
      return workers_[string_of(record.getWorkerReport().getName())].report.keep(
          record.getWorkerReport());
    case schema::Record::SCHEDULER_ATTACHED:
      return schedulers_[record.getSchedulerAttached().getId()].attached.keep(
          record.getSchedulerAttached());
    case schema::Record::SCHEDULER_EXITED:
      return schedulers_[record.getSchedulerExited().getId()].exited.keep(
          record.getSchedulerExited());
    case schema::Record::SCHEDULER_ATTEMPTED:
      return schedulers_[record.getSchedulerAttempted().getId()].attempted.keep(
          record.getSchedulerAttempted());
    case schema::Record::SCHEDULER_ENABLE_FAILED: {
      const auto failed = record.getSchedulerEnableFailed();
      return schedulers_[failed.getId()].exited.keep(failed);
    }
    case schema::Record::FREEZE_BEGAN: frozen_in_ = record.getFreezeBegan().getFreeze(); return;
    case schema::Record::THAWED: frozen_in_ = 0; return;
    case schema::Record::GUEST_PANICKED: end_ = "the guest panicked"; return;
    case schema::Record::MACHINE_LOST:
      end_ = "the machine was lost: " + string_of(record.getMachineLost().getReason());
      return;
    case schema::Record::GUEST_EXITED:
      end_ = record.getGuestExited().getExplicitDone()
                 ? "the agent is done"
                 : "the guest ended before the agent was done";
      return;
    case schema::Record::SEALED: end_ = outcome_text(record.getSealed()); return;
    default: return;
  }
}

// In the order of what matters most: an end hides a freeze, and a freeze a boot.
std::string RunState::phase() const {
  if (!end_.empty()) return "ended: " + printable(end_);
  if (frozen_in_ != 0) return fmt::format("frozen in freeze {}", frozen_in_);
  if (!guest_up_) return "booting";
  return kernel_known_ ? "running" : "running, kernel not identified yet";
}

void RunState::show(TextWriter& writer) const {
  writer.field("at", fmt::format("seq {}, {} after the run began: {}", seq_.value,
                                 duration_text(host_ns_), kind_));
  writer.field("scenario", scenario_.empty() ? "not known" : printable(scenario_));
  writer.field("machine", phase());
  writer.field("requests",
               fmt::format("{} served, {} pending", served_, requests_.waiting().size()));
  if (!steps_.empty()) writer.section("STEPS");
  for (const auto& [number, step] : steps_) {
    const Seq since = step.finished == Seq(0) ? step.started : step.finished;
    std::string text = fmt::format("  {} {}: {} since seq {}", number, printable(step.name),
                                   step.state, since.value);
    writer.line(step.detail.empty() ? text : text + ": " + printable(step.detail));
  }
  if (!workers_.empty()) writer.section("WORKERS");
  for (const auto& [name, worker] : workers_) {
    writer.line(fmt::format("  {}: {}", printable(name),
                            worker_text(worker.started.get(), worker.report.get())));
  }
  if (!schedulers_.empty()) writer.section("SCHEDULERS");
  for (const auto& [id, scheduler] : schedulers_) {
    // A tape of an older recorder has no attempts, only attaches.
    const bool attached = scheduler.attached.present() || !scheduler.attempted.present();
    writer.line(
        fmt::format("  {} {}", id,
                    scheduler_text(scheduler.attempted.get(), attached, scheduler.attached.get(),
                                   scheduler.exited.present(), scheduler.exited.get())));
  }
  if (!requests_.waiting().empty()) writer.section("PENDING");
  for (const auto& [op, waiting] : requests_.waiting()) {
    writer.line(fmt::format("  {}, since seq {}{}", request_text(waiting.request.get()),
                            waiting.requested.value, waiting.deferred ? ", deferred" : ""));
  }
}

std::string RunState::json() const {
  JsonWriter json;
  json.object()
      .field("format", JsonFormat::kReplayState)
      .field("seq", JsonDigits{seq_.value})
      .field("hostNs", JsonDigits{host_ns_})
      .field("kind", kind_)
      .field("scenario", scenario_)
      .field("machine", phase())
      .field("freeze", JsonDigits{frozen_in_})
      .field("requestsServed", JsonDigits{served_});
  put_steps(json);
  put_workers(json);
  put_schedulers(json);
  put_pending(json);
  return json.end().newline().take();
}

void RunState::put_steps(JsonWriter& json) const {
  json.key("steps").list();
  for (const auto& [number, step] : steps_) {
    json.object()
        .field("step", number)
        .field("name", step.name)
        .field("state", step.state)
        .field("started", JsonDigits{step.started.value})
        .field("finished", JsonDigits{step.finished.value})
        .end();
  }
  json.end();
}

void RunState::put_workers(JsonWriter& json) const {
  json.key("workers").list();
  for (const auto& [name, worker] : workers_) {
    json.object().field("name", name);
    put_or_null(json, "started", worker.started);
    put_or_null(json, "report", worker.report);
    json.end();
  }
  json.end();
}

void RunState::put_schedulers(JsonWriter& json) const {
  json.key("schedulers").list();
  for (const auto& [id, scheduler] : schedulers_) {
    json.object().field("id", id);
    put_or_null(json, "attached", scheduler.attached);
    put_or_null(json, "exited", scheduler.exited);
    json.end();
  }
  json.end();
}

// Requests without a reply.
void RunState::put_pending(JsonWriter& json) const {
  json.key("pending").list();
  for (const auto& [op, waiting] : requests_.waiting()) {
    json.object()
        .field("op", JsonDigits{op})
        .field("requested", JsonDigits{waiting.requested.value})
        .field("deferred", waiting.deferred.has_value());
    put_or_null(json, "request", waiting.request);
    json.end();
  }
  json.end();
}

}  // namespace ktape
