// SPDX-License-Identifier: Apache-2.0
#include "replay/report/report_spans.h"

#include <fmt/format.h>

#include <algorithm>

#include "replay/tape/tape_values.h"
#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"
#include "schema/base/digest.h"
#include "schema/base/text.h"
#include "schema/terms/scheduler_exit.h"

namespace ktape {

namespace {

constexpr size_t kMaxSpans = 2'000;  // of each sort
constexpr size_t kMaxVcpus = 256;    // of a freeze
constexpr size_t kMaxTimes = 500'000;
constexpr size_t kConsoleHead = size_t{64} << 10;
constexpr size_t kConsoleTail = size_t{128} << 10;
template <typename Reader>
std::string brief_after_colon(const Reader& text) {
  return text.size() == 0 ? "" : ": " + brief(text);
}

Digest digest_of(capnp::Text::Reader name) { return sha256(as_bytes(chars(name))); }

// Spans of one sort, whose begin and end are separate records, matched by a key.
template <typename Key>
class OpenSpans {
 public:
  OpenSpans(std::vector<Span>& spans, uint64_t& left_out) : spans_(spans), left_out_(left_out) {}

  void begin(const Key& key, HostNs at, Seq seq, std::string label, std::string text) {
    if (spans_.size() >= kMaxSpans) {
      ++left_out_;
      // The end that comes next is not that of an earlier span of this key.
      open_.erase(key);
      return;
    }
    open_[key] = spans_.size();
    // Until its end comes; finish() bounds it by that of the run.
    spans_.push_back({at, HostNs(UINT64_MAX), std::move(label), std::move(text), false, seq});
  }

  void end(const Key& key, HostNs at, const std::string& more, bool failed) {
    auto it = open_.find(key);
    if (it == open_.end()) return;
    Span& span = spans_[it->second];
    span.end = at;
    span.failed = failed;
    span.text += more;
    open_.erase(it);
  }

 private:
  std::vector<Span>& spans_;
  uint64_t& left_out_;
  std::map<Key, size_t> open_;
};

class SpanGatherer {
 public:
  explicit SpanGatherer(const TapeReader& tape) : values_(tape) {}

  void visit(const RecordView& view);
  ReportSpans finish();

 private:
  void requested(schema::OpRequested::Reader request, HostNs at, Seq seq);
  void freeze_began(schema::FreezeBegan::Reader began, HostNs at, Seq seq);
  void frozen(schema::Frozen::Reader frozen);
  void thawed(schema::Thawed::Reader thawed, Seq seq);
  void worker_report(schema::WorkerReport::Reader report, HostNs at);
  void sample(schema::Sample::Reader sample, HostNs at, Seq seq);
  void console(std::string_view text);
  DrawnFreeze* freeze(uint64_t id);
  void time(HostNs at, Seq seq);

  TapeValues values_;
  ReportSpans out_;
  OpenSpans<uint32_t> steps_{out_.steps, out_.left_out["steps"]};
  OpenSpans<uint64_t> requests_{out_.requests, out_.left_out["requests on the timeline"]};
  OpenSpans<uint32_t> schedulers_{out_.schedulers, out_.left_out["schedulers on the timeline"]};
  // By the digest of the name: names that are equal once shortened are not the same.
  OpenSpans<Digest> workers_{out_.workers, out_.left_out["workers on the timeline"]};
  std::map<uint64_t, size_t> freezes_;
  size_t own_freezes_ = 0;
  size_t other_freezes_ = 0;
  std::string head_;  // of the console
  std::string tail_;
  uint64_t console_bytes_ = 0;
};

DrawnFreeze* SpanGatherer::freeze(uint64_t id) {
  auto it = freezes_.find(id);
  return it == freezes_.end() ? nullptr : &out_.freezes[it->second];
}

void SpanGatherer::time(HostNs at, Seq seq) {
  if (out_.times.size() < kMaxTimes) out_.times[seq.value] = at;
}

void SpanGatherer::requested(schema::OpRequested::Reader request, HostNs at, Seq seq) {
  auto entries = request.getEntries();
  std::string what = entries.size() > 0 && entries[0].isWrite() ? "write" : "read";
  std::string tags;
  for (auto entry : entries) {
    if (tags.size() > kShownBytes) {
      tags += ", ...";
      break;
    }
    if (entry.getTag().size() > 0) tags += (tags.empty() ? "" : ", ") + brief(entry.getTag());
  }
  requests_.begin(
      request.getOp(), at, seq, fmt::format("{} {}", request.getOp(), tags.empty() ? what : tags),
      fmt::format("request {}, {}, {}{}{}", request.getOp(), enum_words(request.getMode()),
                  count_text(entries.size(), what), tags.empty() ? "" : ": ", tags));
}

void SpanGatherer::freeze_began(schema::FreezeBegan::Reader began, HostNs at, Seq seq) {
  const Freeze freeze = freeze_of(began, seq, at);
  // A freeze without a request says more than one for the next request: it has its own limit.
  size_t& kept = freeze.is_own() ? own_freezes_ : other_freezes_;
  if (kept >= kMaxSpans) {
    ++out_.left_out["freezes"];
    freezes_.erase(freeze.id);
    return;
  }
  ++kept;
  freezes_[freeze.id] = out_.freezes.size();
  out_.freezes.push_back(
      {freeze, cause_after_for(freeze) + brief_after_colon(began.getDetail()), {}, 0});
}

void SpanGatherer::frozen(schema::Frozen::Reader frozen) {
  DrawnFreeze* drawn = freeze(frozen.getFreeze());
  if (drawn == nullptr) return;
  drawn->freeze.froze(frozen);
  for (auto vcpu : frozen.getVcpus()) {
    if (drawn->vcpus.size() < kMaxVcpus) {
      drawn->vcpus.push_back(vcpu_text(vcpu));
    } else {
      ++drawn->vcpus_left_out;
    }
  }
}

void SpanGatherer::thawed(schema::Thawed::Reader thawed, Seq seq) {
  DrawnFreeze* drawn = freeze(thawed.getFreeze());
  if (drawn != nullptr) drawn->freeze.thaw(seq, thawed);
}

void SpanGatherer::worker_report(schema::WorkerReport::Reader report, HostNs at) {
  bool killed = report.getEvent() == schema::WorkerEvent::KILLED;
  if (!killed && report.getEvent() != schema::WorkerEvent::EXITED) return;
  workers_.end(
      digest_of(report.getName()), at,
      fmt::format(", {} {}", killed ? "killed by signal" : "exited with", report.getStatus()),
      killed);
}

void SpanGatherer::sample(schema::Sample::Reader sample, HostNs at, Seq seq) {
  if (out_.samples.size() >= kMaxSpans) {
    ++out_.left_out["samples"];
    return;
  }
  const std::string value = values_.line(sample.getTarget(), sample.getValue());
  out_.samples.push_back({brief(sample.getName()), shortened(value), at, seq});
}

void SpanGatherer::console(std::string_view text) {
  console_bytes_ += text.size();
  size_t room = std::min(text.size(), kConsoleHead - head_.size());
  head_ += text.substr(0, room);
  tail_ += text.substr(room);
  // At twice the limit, so that not every line moves the whole tail.
  if (tail_.size() > 2 * kConsoleTail) tail_.erase(0, tail_.size() - kConsoleTail);
}

void SpanGatherer::visit(const RecordView& view) {
  auto record = view.record;
  HostNs at(record.getHostNs());
  out_.end = std::max(out_.end, at);
  if (!view.known) return;
  switch (record.which()) {
    case schema::Record::STEP_STARTED: {
      auto step = record.getStepStarted();
      std::string name = fmt::format("{} {}", step.getStep(), brief(step.getName()));
      return steps_.begin(step.getStep(), at, view.seq, name, "step " + name);
    }
    case schema::Record::STEP_FINISHED: {
      auto step = record.getStepFinished();
      return steps_.end(step.getStep(), at,
                        step.getOk() ? ", done" : ", FAILED" + brief_after_colon(step.getDetail()),
                        !step.getOk());
    }
    case schema::Record::SCHEDULER_ATTACHED: {
      auto scheduler = record.getSchedulerAttached();
      std::string name = fmt::format("{} {}", scheduler.getId(), brief(scheduler.getName()));
      return schedulers_.begin(scheduler.getId(), at, view.seq, name, "scheduler " + name);
    }
    case schema::Record::SCHEDULER_EXITED: {
      auto exited = record.getSchedulerExited();
      time(at, view.seq);
      return schedulers_.end(
          exited.getId(), at,
          fmt::format(", exited, {}{}", exit_words(exited.getKind(), exited.getExitCode()),
                      brief_after_colon(exited.getReason())),
          false);
    }
    case schema::Record::WORKER_STARTED: {
      auto worker = record.getWorkerStarted();
      std::string name = brief(worker.getName());
      return workers_.begin(digest_of(worker.getName()), at, view.seq, name,
                            fmt::format("worker {}, pid {}", name, worker.getPid()));
    }
    case schema::Record::WORKER_REPORT: return worker_report(record.getWorkerReport(), at);
    case schema::Record::OP_REQUESTED:
      time(at, view.seq);
      return requested(record.getOpRequested(), at, view.seq);
    case schema::Record::OP_REPLIED: {
      auto reply = record.getOpReplied();
      time(at, view.seq);
      return requests_.end(reply.getOp(), at,
                           ", " + reply_text(reply) + brief_after_colon(reply.getError()),
                           !reply.getOk() && !reply.getAsExpected());
    }
    case schema::Record::FREEZE_BEGAN:
      time(at, view.seq);
      return freeze_began(record.getFreezeBegan(), at, view.seq);
    case schema::Record::FROZEN: return frozen(record.getFrozen());
    case schema::Record::THAWED: return thawed(record.getThawed(), view.seq);
    case schema::Record::SAMPLE: return sample(record.getSample(), at, view.seq);
    case schema::Record::CONSOLE: return console(chars(record.getConsole().getText()));
    case schema::Record::GUEST_PANICKED:
    case schema::Record::GUEST_OOPS:
    case schema::Record::WATCHDOG_FIRED: return time(at, view.seq);
    default: return;
  }
}

ReportSpans SpanGatherer::finish() {
  if (tail_.size() > kConsoleTail) tail_.erase(0, tail_.size() - kConsoleTail);
  out_.console_left_out = console_bytes_ - head_.size() - tail_.size();
  if (out_.console_left_out == 0) {
    out_.console = safe_lines(head_ + tail_);
  } else {
    out_.console = safe_lines(head_) +
                   fmt::format("\n[{} bytes left out]\n\n", out_.console_left_out) +
                   safe_lines(tail_);
  }
  for (auto* spans : {&out_.steps, &out_.requests, &out_.schedulers, &out_.workers}) {
    for (Span& span : *spans) span.end = std::max(span.begin, std::min(span.end, out_.end));
  }
  std::erase_if(out_.left_out, [](const auto& sort) { return sort.second == 0; });
  return std::move(out_);
}

}  // namespace

Result<ReportSpans> gather_report_spans(const TapeReader& tape) {
  SpanGatherer gatherer(tape);
  KTAPE_TRY(tape.for_each([&](const RecordView& view) -> Result<void> {
    gatherer.visit(view);
    return {};
  }));
  return gatherer.finish();
}

}  // namespace ktape
