// SPDX-License-Identifier: Apache-2.0
#include "replay/show/timeline.h"

#include <fmt/format.h>

#include <limits>

#include "replay/show/record_line.h"
#include "replay/tape/freeze.h"
#include "replay/text/entry_text.h"
#include "replay/text/record_text.h"
#include "replay/text/vcpu_text.h"
#include "schema/base/text.h"
#include "schema/terms/scheduler_exit.h"

namespace ktape {

namespace {

constexpr uint32_t kLastEntry = std::numeric_limits<uint32_t>::max();

// What went wrong stands out, and where a step begins.
Paint paint_of(const RecordView& view) {
  if (!view.known) return Paint::kPlain;
  const auto record = view.record;
  switch (record.which()) {
    case schema::Record::STEP_STARTED: return Paint::kTitle;
    case schema::Record::STEP_FINISHED:
      return record.getStepFinished().getOk() ? Paint::kPlain : Paint::kBad;
    case schema::Record::SCHEDULER_EXITED:
      return is_error_exit(record.getSchedulerExited().getKind()) ? Paint::kBad : Paint::kPlain;
    case schema::Record::OP_REPLIED: {
      const auto reply = record.getOpReplied();
      return reply.getOk() || reply.getAsExpected() ? Paint::kPlain : Paint::kOpen;
    }
    case schema::Record::GUEST_EXITED:
      return record.getGuestExited().getExplicitDone() ? Paint::kPlain : Paint::kBad;
    case schema::Record::LOST: return Paint::kOpen;
    case schema::Record::SCHEDULER_ENABLE_FAILED:
    case schema::Record::GUEST_PANICKED:
    case schema::Record::GUEST_OOPS:
    case schema::Record::WATCHDOG_FIRED:
    case schema::Record::MACHINE_LOST: return Paint::kBad;
    default: return Paint::kPlain;
  }
}

// "tag: ", or nothing.
std::string tag_text(schema::OpEntry::Reader entry) {
  return entry.getTag().size() == 0 ? "" : safe(entry.getTag()) + ": ";
}

std::string asked_text(schema::OpEntry::Reader entry) {
  std::string target = safe_target_text(entry.getTarget());
  if (entry.isRead()) {
    std::string width = entry.getRead() == schema::ValueKind::BYTES ? bytes_text(entry.getLength())
                                                                    : enum_words(entry.getRead());
    return fmt::format("{}read {} as {}{}", tag_text(entry), target, width,
                       entry.getConsistent() ? ", consistent" : "");
  }
  auto value = entry.getWrite();
  bool bits = value.isSetBits() || value.isClearBits();
  return fmt::format("{}write {}{}{}", tag_text(entry), target, bits ? ": " : " = ",
                     shown_value(value));
}

}  // namespace

void Timeline::event(const RecordView& view, const std::string& text) {
  writer_.event(view.seq, HostNs(view.record.getHostNs()), text, paint_of(view));
}

void Timeline::visit(const RecordView& view) {
  if (!view.known) return event(view, fmt::format("a record of unknown kind {}", view.kind));
  auto record = view.record;
  delays_.visit(view);
  switch (record.which()) {
    case schema::Record::LAYOUT_USED: return layout_used(view);
    case schema::Record::SCHEDULER_OUTPUT: return scheduler_output(view);
    case schema::Record::SCHEDULER_EXITED: return scheduler_exited(view);
    case schema::Record::SCHEDULER_ENABLE_FAILED:
      return scheduler_ended(view, record.getSchedulerEnableFailed(), "was not enabled");
    case schema::Record::OP_REQUESTED: return op_requested(view);
    case schema::Record::FREEZE_BEGAN: return freeze_began(view);
    case schema::Record::FROZEN: return frozen(view);
    case schema::Record::GATE_CHECKED: return gate_checked(view);
    case schema::Record::OP_REPLIED: return op_replied(view);
    case schema::Record::CONSOLE: return console(view);
    case schema::Record::GUEST_PANICKED: return panicked(view);
    case schema::Record::LOST: return lost(view);
    case schema::Record::GUEST_OOPS: return oops(view);
    case schema::Record::GUEST_FACTS: return guest_facts(view);
    case schema::Record::RUN_DELAYS: return run_delays(view);
    case schema::Record::SAMPLE: return sampled(view);
    default: return event(view, record_line(record));
  }
}

void Timeline::scheduler_output(const RecordView& view) {
  auto output = view.record.getSchedulerOutput();
  event(view, fmt::format("scheduler {} printed", output.getId()));
  writer_.block(safe_lines(chars(output.getText())));
}

void Timeline::scheduler_exited(const RecordView& view) {
  auto exited = view.record.getSchedulerExited();
  scheduler_ended(view, exited, exited.getUnfinished() ? "is exiting" : "exited");
}

void Timeline::pass_over(const RecordView& view) {
  delays_.visit(view);
  if (!view.known) return;
  if (view.record.isOpRequested()) {
    const auto request = view.record.getOpRequested();
    requests_[request.getOp()].keep(request);
  } else if (view.record.isGateChecked()) {
    const auto gate = view.record.getGateChecked();
    gates_[{gate.getOp(), gate.getEntry()}].emplace_back().keep(gate);
  } else if (view.record.isOpReplied()) {
    const uint64_t op = view.record.getOpReplied().getOp();
    requests_.erase(op);
    gates_.erase(gates_.lower_bound({op, 0}), gates_.upper_bound({op, kLastEntry}));
  }
}

// They are shown with the reply.
void Timeline::gate_checked(const RecordView& view) {
  const auto gate = view.record.getGateChecked();
  if (options_.chosen_replies && !options_.chosen_replies->contains(gate.getOp()))
    return event(view, fmt::format("request {}, entry {}: {}", gate.getOp(), gate.getEntry(),
                                   gate_line(gate)));
  gates_[{gate.getOp(), gate.getEntry()}].emplace_back().keep(gate);
}

// They are shown above the time line.
void Timeline::layout_used(const RecordView& view) {
  if (!options_.chosen_replies) return;
  const auto layout = view.record.getLayoutUsed();
  event(view, fmt::format("layout of {} {}: +{}, {}, {}", safe(layout.getType()),
                          safe(layout.getPath()), layout.getOffsetBytes(),
                          bytes_text(layout.getSizeBytes()), safe(layout.getEncoding())));
}

void Timeline::scheduler_ended(const RecordView& view, schema::SchedulerExited::Reader exited,
                               std::string_view how) {
  event(view, fmt::format("scheduler {} {}, {}{}", exited.getId(), how,
                          exit_words(exited.getKind(), exited.getExitCode()),
                          after_colon(exited.getReason())));
  if (exited.getMessage().size() > 0) writer_.detail(safe(exited.getMessage()));
  if (exited.getDump().size() == 0) return;
  if (options_.console) return writer_.block(safe_lines(chars(exited.getDump())));
  writer_.detail(
      fmt::format("with a dump of {} (shown by --console)", bytes_text(exited.getDump().size())));
}

void Timeline::op_requested(const RecordView& view) {
  auto request = view.record.getOpRequested();
  auto entries = request.getEntries();
  bool reads = entries.size() == 0 || entries[0].isRead();
  std::string text =
      fmt::format("request {}, {}, {}", request.getOp(), enum_words(request.getMode()),
                  count_text(entries.size(), reads ? "read" : "write"));
  if (request.getExpect().isRefused())
    text += fmt::format(", expected to be refused by gate {}",
                        enum_words(request.getExpect().getRefused()));
  if (request.getInterval() > 0) text += fmt::format(", interval {}", request.getInterval());
  requests_[request.getOp()].keep(request);
  if (is_brief(request)) return;
  event(view, text);
  for (auto entry : entries) writer_.detail(asked_text(entry));
}

// A later value of a hot series: what was asked is the same again, so the reply says it all.
bool Timeline::is_brief(schema::OpRequested::Reader request) const {
  return !options_.chosen_replies && request.getInterval() > 1 &&
         request.getMode() == schema::OpMode::HOT && request.getEntries().size() == 1;
}

void Timeline::freeze_began(const RecordView& view) {
  auto freeze = view.record.getFreezeBegan();
  event(view, fmt::format(
                  "freeze {} {}", freeze.getFreeze(),
                  cause_on_timeline(freeze_of(freeze, view.seq, HostNs(view.record.getHostNs())))));
  auto hits = freeze.getHits();
  if (hits.size() < 2 && freeze.getDetail().size() > 0) writer_.detail(safe(freeze.getDetail()));
  for (unsigned i = 0; hits.size() > 1 && i < hits.size(); ++i) {
    writer_.detail(fmt::format("CPU {}: {}{}", hits[i].getVcpu(), safe(hits[i].getTrigger()),
                               after_colon(hits[i].getDetail())));
  }
  if (freeze.getTry() > 1) why_again(freeze.getOp());
}

// The gates that refused the try before, as that try recorded them.
void Timeline::why_again(uint64_t op) {
  const auto asked = requests_[op].get().getEntries();
  // Erased, because each try records its gates anew.
  for (auto it = gates_.lower_bound({op, 0}); it != gates_.end() && it->first.first == op;
       it = gates_.erase(it)) {
    const uint32_t entry = it->first.second;
    const std::string tag = entry < asked.size() ? tag_text(asked[entry]) : "";
    for (const std::string& line : refusing_gate_lines(it->second))
      writer_.detail(fmt::format("tried again: {}{}", tag, line));
  }
}

void Timeline::run_delays(const RecordView& view) {
  if (!delays_.known())
    return event(view, "vCPUs' waits for a CPU of the host are counted from here");
  event(view, fmt::format("waited for a CPU of the host, in {}: {}",
                          duration_text(delays_.last().running_ns), waits_text(delays_.last())));
}

void Timeline::frozen(const RecordView& view) {
  auto frozen = view.record.getFrozen();
  std::string text =
      fmt::format("frozen, every vCPU stopped after {}", duration_text(frozen.getStopLatencyNs()));
  if (frozen.getBypassDepth() > 0)
    text += fmt::format(", SCX BYPASS DEPTH {}", frozen.getBypassDepth());
  for (auto seqcount : frozen.getSeqcounts()) {
    if (seqcount.getSequence() % 2 != 0)
      text += fmt::format(", {} BEING CHANGED", safe(seqcount.getName()));
  }
  event(view, text);
  for (auto vcpu : frozen.getVcpus()) writer_.detail(vcpu_line(vcpu));
}

void Timeline::op_replied(const RecordView& view) {
  auto reply = view.record.getOpReplied();
  const auto request = requests_[reply.getOp()].get();
  auto asked = request.getEntries();
  if (is_brief(request) && reply.getOk() && reply.getEntries().size() == 1) {
    event(view, fmt::format("reply {}, interval {}: {}{} = {} (live, not coherent)", reply.getOp(),
                            request.getInterval(), tag_text(asked[0]),
                            safe_target_text(asked[0].getTarget()),
                            line_of(asked[0], reply.getEntries()[0].getValue())));
    requests_.erase(reply.getOp());
    return;
  }
  const std::string interval =
      is_brief(request) ? fmt::format(", interval {}", request.getInterval()) : "";
  std::string text = fmt::format("reply {}{}: {}{}", reply.getOp(), interval, reply_text(reply),
                                 after_colon(reply.getError()));
  if (reply.getLiveNotCoherent()) text += " (live, not coherent)";
  event(view, text);
  for (unsigned i = 0; i < reply.getEntries().size(); ++i)
    entry_replied(reply, i, i < asked.size() ? asked[i] : schema::OpEntry::Reader());
  requests_.erase(reply.getOp());
}

std::string Timeline::line_of(schema::OpEntry::Reader asked, schema::Value::Reader value) const {
  // Not read in a freeze.
  return options_.values == nullptr ? shown_value(value) : options_.values->line(asked, value, 0);
}

void Timeline::entry_replied(schema::OpReplied::Reader reply, uint32_t index,
                             schema::OpEntry::Reader asked) {
  const auto got = reply.getEntries()[index];
  if (got.getStatus() == schema::EntryStatus::DONE) {
    entry_done(asked, got, reply.getFreeze());
  } else {
    writer_.detail(fmt::format("{}{} {}{}", tag_text(asked), safe_target_text(asked.getTarget()),
                               enum_words(got.getStatus()), after_colon(got.getReason())));
  }
  std::string place = place_text(got);
  if (!place.empty()) writer_.detail(place, 1);
  if (got.getNote().size() > 0) writer_.detail("note: " + safe(got.getNote()), 1);
  gates(reply.getOp(), index);
}

// What has several lines stands below the target.
void Timeline::entry_done(schema::OpEntry::Reader asked, schema::EntryReply::Reader got,
                          uint64_t freeze) {
  const std::string target = tag_text(asked) + safe_target_text(asked.getTarget());
  const auto text = [&](schema::Value::Reader value) {
    return options_.values == nullptr ? shown_value(value)
                                      : options_.values->text(asked, value, freeze);
  };
  const std::string value = text(got.getValue());
  const std::string before = got.getBefore().isNone() ? "" : ", was " + text(got.getBefore());
  if ((value + before).find('\n') == std::string::npos)
    return writer_.detail(fmt::format("{} = {}{}", target, value, before));
  writer_.detail(target + " =");
  writer_.block(value + before, 1);
}

void Timeline::sampled(const RecordView& view) {
  const auto sample = view.record.getSample();
  const std::string value = options_.values == nullptr
                                ? shown_value(sample.getValue())
                                : options_.values->line(sample.getTarget(), sample.getValue());
  event(view, fmt::format("sample {}: {} = {}", in_quotes(chars(sample.getName())),
                          safe_target_text(sample.getTarget()), value));
}

void Timeline::gates(uint64_t op, uint32_t index) {
  auto it = gates_.find({op, index});
  if (it == gates_.end()) return;
  for (const std::string& line : gate_lines(it->second)) writer_.detail(line, 1);
  gates_.erase(it);
}

void Timeline::console(const RecordView& view) {
  if (!options_.console) return;
  event(view, "console");
  writer_.block(safe_lines(chars(view.record.getConsole().getText())));
}

void Timeline::panicked(const RecordView& view) {
  event(view, "GUEST PANICKED");
  writer_.block(safe_lines(chars(view.record.getGuestPanicked().getText())));
}

void Timeline::oops(const RecordView& view) {
  auto oops = view.record.getGuestOops();
  event(view, fmt::format("KERNEL COMPLAINT: {}", enum_words(oops.getKind())));
  writer_.block(safe_lines(chars(oops.getText())));
}

void Timeline::guest_facts(const RecordView& view) {
  auto said = view.record.getGuestFacts();
  event(view, fmt::format("the guest reports about {}", in_quotes(chars(said.getSubject()))));
  for (auto fact : said.getFacts()) {
    writer_.detail(fmt::format("{} = {}", safe(fact.getName()), safe(fact.getValue())));
  }
}

void Timeline::lost(const RecordView& view) {
  event(view, "the recorder reports losses");
  for (auto loss : view.record.getLost().getCounters()) writer_.detail(loss_text(loss));
}

}  // namespace ktape
