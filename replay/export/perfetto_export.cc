// SPDX-License-Identifier: Apache-2.0
#include "replay/export/perfetto_export.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"
#include "schema/base/text.h"
#include "schema/target/target_path.h"
#include "schema/terms/scheduler_exit.h"
#include "schema/wire/value_number.h"

namespace ktape {

namespace {

// A tape may name any number of workers and tags; a trace with more tracks than this is useless.
constexpr size_t kMaxTracks = 1000;

template <typename Reader>
std::string text(const Reader& reader) {
  return std::string(chars(reader));
}

std::string request_name(schema::OpRequested::Reader request) {
  auto entries = request.getEntries();
  if (entries.size() == 0) return fmt::format("request {}", request.getOp());
  std::string more = entries.size() > 1 ? fmt::format(" and {} more", entries.size() - 1) : "";
  return fmt::format("{} {}{}", entries[0].isRead() ? "read" : "write", text(entries[0].getTag()),
                     more);
}

PerfettoTrace::Facts request_facts(schema::Record::Reader record) {
  auto request = record.getOpRequested();
  PerfettoTrace::Facts facts = {{"op", std::to_string(request.getOp())},
                                {"mode", enum_words(request.getMode())}};
  if (request.getInterval() > 0)
    facts.emplace_back("interval", std::to_string(request.getInterval()));
  if (record.getGuestNs() > 0) facts.emplace_back("guest_ns", std::to_string(record.getGuestNs()));
  return facts;
}

// "task 'sleeper' scx.dsq_vtime", "jiffies_64:u64": without a type, only the width says what was
// read.
std::string counter_name(schema::Target::Reader target, schema::Value::Reader value) {
  const bool typed = target.isPerCpu() || target.isTask() ||
                     (target.isVirtual() && target.getVirtual().getType().size() > 0);
  std::string name = target_text(target);
  if (typed) return name;
  switch (value.which()) {
    case schema::Value::U8: return name + ":u8";
    case schema::Value::U16: return name + ":u16";
    case schema::Value::U32: return name + ":u32";
    case schema::Value::U64: return name + ":u64";
    default: return name;
  }
}

}  // namespace

Result<void> PerfettoExport::begin(Track track, const RecordView& view, const std::string& name,
                                   Facts facts) {
  // A slice that was never ended would become the parent of all that follow.
  if (busy_.contains(track)) KTAPE_TRY(end(track, view, {}));
  busy_.insert(track);
  facts.emplace_back("seq", std::to_string(view.seq.value));
  return trace_.begin(track, HostNs(view.record.getHostNs()), name, facts);
}

Result<void> PerfettoExport::end(Track track, const RecordView& view, Facts facts) {
  if (busy_.erase(track) == 0) return {};
  facts.emplace_back("seq_end", std::to_string(view.seq.value));
  return trace_.end(track, HostNs(view.record.getHostNs()), facts);
}

Result<void> PerfettoExport::instant(Track track, const RecordView& view, const std::string& name,
                                     Facts facts) {
  facts.emplace_back("seq", std::to_string(view.seq.value));
  return trace_.instant(track, HostNs(view.record.getHostNs()), name, facts);
}

Result<PerfettoTrace::Track> PerfettoExport::group(Track& group, const std::string& name) {
  if (group == 0) {
    KTAPE_ASSIGN(group, trace_.group(name, ++groups_));
  }
  return group;
}

Result<std::optional<PerfettoTrace::Track>> PerfettoExport::track_of(Tracks& tracks, Track group,
                                                                     const std::string& name) {
  auto it = tracks.made.find(name);
  if (it != tracks.made.end()) return std::optional(it->second);
  if (tracks.made.size() >= kMaxTracks) {
    // As a hash: names of an untrusted tape would need memory without a limit.
    tracks.left_out.insert(std::hash<std::string>()(name));
    return std::optional<Track>();
  }
  KTAPE_ASSIGN(Track track,
               tracks.counters ? trace_.counter(group, name) : trace_.track(group, name));
  tracks.made.emplace(name, track);
  return std::optional(track);
}

// Slices of one track have to nest, and requests may overlap.
Result<PerfettoTrace::Track> PerfettoExport::free_lane() {
  for (Track lane : lanes_) {
    if (!busy_.contains(lane)) return lane;
  }
  if (lanes_.size() >= kMaxTracks) {
    ++cut_short_;
    // begin() ends the request that is in it.
    return lanes_.back();
  }
  std::string name = lanes_.empty() ? "requests" : fmt::format("requests {}", lanes_.size() + 1);
  KTAPE_ASSIGN(Track lane, trace_.track(run_, name));
  lanes_.push_back(lane);
  return lane;
}

Result<void> PerfettoExport::visit(const RecordView& view) {
  last_ = HostNs(view.record.getHostNs());
  if (!view.known) return {};
  delays_.visit(view);
  if (view.record.isRunStarted()) return run_started(view.record.getRunStarted());
  // A tape without RunStarted still has its tracks in a group.
  if (run_ == 0) {
    KTAPE_TRY(group(run_, "run"));
  }
  return dispatch(view);
}

Result<void> PerfettoExport::dispatch(const RecordView& view) {
  auto record = view.record;
  switch (record.which()) {
    case schema::Record::STEP_STARTED: {
      if (steps_ == 0) {
        KTAPE_ASSIGN(steps_, trace_.track(run_, "steps"));
      }
      return begin(steps_, view, text(record.getStepStarted().getName()), {});
    }
    case schema::Record::STEP_FINISHED:
      return end(steps_, view, {{"ok", record.getStepFinished().getOk() ? "yes" : "no"}});
    case schema::Record::SCHEDULER_ATTACHED: return scheduler_attached(view);
    case schema::Record::SCHEDULER_EXITED: return scheduler_exited(view);
    case schema::Record::SCHEDULER_ENABLE_FAILED: {
      auto failed = record.getSchedulerEnableFailed();
      return instant(run_, view, "scheduler not enabled",
                     {{"exit", exit_words(failed.getKind(), failed.getExitCode())},
                      {"reason", text(failed.getReason())},
                      {"message", text(failed.getMessage())}});
    }
    case schema::Record::WORKER_STARTED: return worker_started(view);
    case schema::Record::WORKER_REPORT: return worker_report(view);
    case schema::Record::OP_REQUESTED: return requested(view);
    case schema::Record::OP_REPLIED: return replied(view);
    case schema::Record::FROZEN: return frozen(view);
    case schema::Record::THAWED: return thawed(view);
    case schema::Record::SAMPLE: return sampled(view);
    case schema::Record::RUN_DELAYS: return run_delays(view);
    case schema::Record::CLOCKSOURCE_SEEN:
      return instant(run_, view, "clocksource " + text(record.getClocksourceSeen().getName()), {});
    case schema::Record::GUEST_PANICKED: return instant(run_, view, "guest panicked", {});
    case schema::Record::GUEST_OOPS: return instant(run_, view, "kernel complaint", {});
    case schema::Record::WATCHDOG_FIRED:
      return instant(run_, view, "watchdog " + text(record.getWatchdogFired().getName()), {});
    case schema::Record::MACHINE_LOST: return instant(run_, view, "machine lost", {});
    case schema::Record::GUEST_EXITED: return instant(run_, view, "guest ended", {});
    case schema::Record::SEALED:
      return instant(run_, view, "sealed", {{"outcome", outcome_text(record.getSealed())}});
    default: return {};
  }
}

Result<void> PerfettoExport::run_started(schema::RunStarted::Reader run) {
  if (run.getWallClockNs() != 0) KTAPE_TRY(trace_.clock(run.getWallClockNs()));
  KTAPE_TRY(group(run_, "run of " + text(run.getScenario().getName())));
  return {};
}

Result<void> PerfettoExport::scheduler_attached(const RecordView& view) {
  auto scheduler = view.record.getSchedulerAttached();
  std::string name = fmt::format("scheduler {}", scheduler.getId());
  KTAPE_ASSIGN(auto track, track_of(run_tracks_, run_, name));
  if (!track) return {};
  return begin(*track, view, text(scheduler.getName()), {});
}

Result<void> PerfettoExport::scheduler_exited(const RecordView& view) {
  auto exit = view.record.getSchedulerExited();
  auto it = run_tracks_.made.find(fmt::format("scheduler {}", exit.getId()));
  if (it == run_tracks_.made.end()) return {};
  Facts facts = {{"kind", std::to_string(exit.getKind())},
                 {"reason", text(exit.getReason())},
                 {"message", text(exit.getMessage())}};
  if (const std::string code = exit_code_words(exit.getExitCode()); !code.empty())
    facts.emplace_back("code", code);
  return end(it->second, view, facts);
}

Result<void> PerfettoExport::worker_started(const RecordView& view) {
  auto worker = view.record.getWorkerStarted();
  KTAPE_TRY(group(workers_, "workers"));
  KTAPE_ASSIGN(auto track, track_of(worker_tracks_, workers_, text(worker.getName())));
  if (!track) return {};
  return begin(
      *track, view, text(worker.getName()),
      {{"pid", std::to_string(worker.getPid())}, {"policy", enum_words(worker.getPolicy())}});
}

Result<void> PerfettoExport::worker_report(const RecordView& view) {
  auto report = view.record.getWorkerReport();
  auto it = worker_tracks_.made.find(text(report.getName()));
  if (it == worker_tracks_.made.end()) return {};
  Facts facts = {{"event", enum_words(report.getEvent())},
                 {"status", std::to_string(report.getStatus())},
                 {"phases_done", std::to_string(report.getPhasesDone())}};
  const bool ended = report.getEvent() == schema::WorkerEvent::EXITED ||
                     report.getEvent() == schema::WorkerEvent::KILLED;
  // An event that this build does not know does not end the worker.
  if (!ended) return instant(it->second, view, enum_words(report.getEvent()), facts);
  return end(it->second, view, facts);
}

Result<void> PerfettoExport::requested(const RecordView& view) {
  auto request = view.record.getOpRequested();
  KTAPE_ASSIGN(Track lane, free_lane());
  OpenRequest& open = requests_[request.getOp()];
  open.asked.keep(request);
  open.lane = lane;
  open.guest_ns = view.record.getGuestNs();
  return begin(lane, view, request_name(request), request_facts(view.record));
}

Result<void> PerfettoExport::replied(const RecordView& view) {
  auto reply = view.record.getOpReplied();
  auto it = requests_.find(reply.getOp());
  if (it == requests_.end()) return {};
  auto asked = it->second.asked.get().getEntries();
  auto got = reply.getEntries();
  Facts facts = {{"freeze", std::to_string(reply.getFreeze())}};
  if (reply.getError().size() > 0) facts.emplace_back("error", text(reply.getError()));
  for (unsigned i = 0; i < got.size() && i < asked.size(); ++i) {
    std::string tag = text(asked[i].getTag());
    bool done = got[i].getStatus() == schema::EntryStatus::DONE;
    std::string value = done ? shown(asked[i], got[i].getValue(), reply.getFreeze())
                             : enum_words(got[i].getStatus()) + ": " + text(got[i].getReason());
    facts.emplace_back(printable(tag), value);
    if (done)
      KTAPE_TRY(count(view, asked[i].getTarget(), got[i].getValue(), tag, it->second.guest_ns));
  }
  Track lane = it->second.lane;
  requests_.erase(it);
  return end(lane, view, facts);
}

std::string PerfettoExport::shown(schema::OpEntry::Reader asked, schema::Value::Reader value,
                                  uint64_t freeze) const {
  return texts_ == nullptr ? shown_value(value) : texts_->line(asked, value, freeze);
}

Result<void> PerfettoExport::frozen(const RecordView& view) {
  auto frozen = view.record.getFrozen();
  KTAPE_TRY(group(freezes_, "freezes"));
  std::string name = fmt::format("freeze {}", frozen.getFreeze());
  auto vcpus = frozen.getVcpus();
  for (auto vcpu : vcpus) {
    KTAPE_ASSIGN(auto track, track_of(cpu_tracks_, freezes_, fmt::format("CPU {}", vcpu.getCpu())));
    if (!track) continue;
    std::string symbol = vcpu.getSymbol().size() > 0 ? text(vcpu.getSymbol()) : "not known";
    Facts facts = {{"in", symbol}, {"rip", fmt::format("{:#x}", vcpu.getRip())}};
    if (vcpu.getKernelStateKnown()) {
      facts.emplace_back("current",
                         fmt::format("{} ({})", text(vcpu.getCurrentComm()), vcpu.getCurrentPid()));
      facts.emplace_back("runqueue_locked", vcpu.getRunqueueLocked() ? "yes" : "no");
    }
    KTAPE_TRY(begin(*track, view, name, facts));
  }
  return {};
}

Result<void> PerfettoExport::thawed(const RecordView& view) {
  auto thawed = view.record.getThawed();
  // Does nothing for a vCPU without a slice.
  for (const auto& [name, track] : cpu_tracks_.made) {
    KTAPE_TRY(end(track, view, {{"frozen_ns", std::to_string(thawed.getFrozenNs())}}));
  }
  return {};
}

// The time each vCPU waited since the previous reading, in thousandths of the time between:
// counters have integers.
Result<void> PerfettoExport::run_delays(const RecordView& view) {
  if (!delays_.known() || delays_.last().running_ns == 0) return {};
  KTAPE_TRY(group(host_, "waits for a CPU of the host"));
  for (const VcpuWait& wait : delays_.last().vcpus) {
    const std::string name = fmt::format("CPU {} waited, per mille", wait.vcpu);
    KTAPE_ASSIGN(auto counter, track_of(wait_counters_, host_, name));
    if (!counter || !wait.known) continue;
    const double share = 1000.0 * static_cast<double>(wait.waited_ns) /
                         static_cast<double>(delays_.last().running_ns);
    // Bounded, because a share of an untrusted tape may be too large to be converted.
    KTAPE_TRY(trace_.value(*counter, HostNs(view.record.getHostNs()),
                           static_cast<uint64_t>(std::min(share, 1e6))));
  }
  return {};
}

Result<void> PerfettoExport::sampled(const RecordView& view) {
  auto sample = view.record.getSample();
  return count(view, sample.getTarget(), sample.getValue(), text(sample.getName()), 0);
}

Result<void> PerfettoExport::count(const RecordView& view, schema::Target::Reader target,
                                   schema::Value::Reader value, const std::string& tag,
                                   uint64_t guest_ns) {
  std::optional<uint64_t> is = number_of(value);
  if (!is) return {};
  KTAPE_TRY(group(values_, "values"));
  KTAPE_ASSIGN(auto counter, track_of(counters_, values_, counter_name(target, value)));
  if (!counter) return {};
  Facts facts = {{"tag", tag}, {"seq", std::to_string(view.seq.value)}};
  if (guest_ns > 0) facts.emplace_back("guest_ns", std::to_string(guest_ns));
  return trace_.value(*counter, HostNs(view.record.getHostNs()), *is, facts);
}

Result<void> PerfettoExport::finish() {
  for (Track track : busy_) KTAPE_TRY(trace_.end(track, last_));
  busy_.clear();
  const std::string missing = left_out();
  return missing.empty() ? Result<void>() : trace_.instant(run_, last_, missing);
}

std::string PerfettoExport::left_out() const {
  std::vector<std::string> parts;
  for (const Tracks* tracks :
       {&run_tracks_, &worker_tracks_, &counters_, &cpu_tracks_, &wait_counters_}) {
    if (const size_t count = tracks->left_out.size())
      parts.push_back(count_text(count, tracks->sort));
  }
  if (cut_short_ > 0) parts.push_back("the ends of " + count_text(cut_short_, "request"));
  if (parts.empty()) return "";
  return fmt::format("not in the trace: {}: it has at most {} tracks of each sort",
                     fmt::join(parts, ", "), kMaxTracks);
}

}  // namespace ktape
