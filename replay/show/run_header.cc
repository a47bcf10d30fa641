// SPDX-License-Identifier: Apache-2.0
#include "replay/show/run_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "replay/text/provenance.h"
#include "replay/text/record_text.h"
#include "schema/base/digest.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

template <typename Reader>
std::string or_unknown(const Reader& text) {
  return text.size() == 0 ? "not known" : safe(text);
}

std::string short_digest(capnp::Data::Reader digest) {
  return to_hex(as_bytes(chars(digest))).substr(0, 16) + "...";
}

// "tape run.ktape: intact, 63 records"
std::string integrity_text(const Verification& found) {
  switch (found.integrity) {
    case Integrity::kIntact: return "intact";
    case Integrity::kTruncated: return "truncated: salvaged from a recorder that died";
    case Integrity::kUnsealed: return "unsealed: " + printable(found.finding);
    case Integrity::kAltered: return "ALTERED: " + printable(found.finding);
  }
  return "";
}

std::string accelerator_text(schema::RunStarted::Reader run) {
  std::string text = enum_words(run.getAcceleratorUsed());
  text += fmt::format(" (asked for {}", enum_words(run.getAcceleratorAsked()));
  if (run.getAcceleratorReason().size() > 0) text += ": " + safe(run.getAcceleratorReason());
  text += ")";
  if (!run.getTimeIsReal()) text += "; its timing is not that of real hardware";
  return text;
}

std::string topology_text(schema::RunStarted::Reader run) {
  std::string text = count_text(run.getCpus(), "CPU");
  if (run.getSockets() > 0) {
    text += fmt::format(": {}, {} each, {} per core", count_text(run.getSockets(), "socket"),
                        count_text(run.getCores(), "core"), count_text(run.getThreads(), "thread"));
  }
  if (run.getLlcs() > 0) text += ", " + count_text(run.getLlcs(), "LLC");
  if (run.getNumaNodes() > 0) text += ", " + count_text(run.getNumaNodes(), "NUMA node");
  return text + ", " + bytes_text(run.getMemoryBytes());
}

// Nothing if the recorder did not say.
const char* memory_text(schema::MemoryMode mode) {
  switch (mode) {
    case schema::MemoryMode::NOT_SAID: return nullptr;
    case schema::MemoryMode::NONE: return "none";
    case schema::MemoryMode::TOUCHED: return "touched: the memory that ops touched at each freeze";
    case schema::MemoryMode::SCHED:
      return "sched: the scheduler's memory, and what ops touched at each freeze";
    case schema::MemoryMode::FULL: return "full: all memory at each freeze";
  }
  return "unknown mode";
}

// Nothing if it is armed at once, or if the recorder did not say.
std::string arming_text(schema::PlannedTrigger::Reader trigger, schema::RunStarted::Reader run) {
  if (trigger.getArming() == schema::TriggerArming::ATTACH) return ", from the first attachment on";
  if (trigger.getArming() != schema::TriggerArming::STEP) return "";
  auto steps = run.getScenario().getSteps();
  if (trigger.getStep() >= steps.size())
    return fmt::format(", from step {} on", trigger.getStep() + 1ull);
  return fmt::format(", from step {} on", in_quotes(chars(steps[trigger.getStep()].getName())));
}

std::string scheduler_text(schema::SchedulerAttached::Reader scheduler) {
  std::string text = fmt::format("{}: {} switch, ", safe(scheduler.getName()),
                                 enum_words(scheduler.getSwitchMode()));
  text += scheduler.getVtime() == schema::VtimeSemantics::ONLY_GROWS
              ? "declares that its vtime only grows"
              : "declares nothing about its vtime";
  if (scheduler.getTimeoutMs() > 0)
    text += fmt::format(", stall timeout {} ms", scheduler.getTimeoutMs());
  if (scheduler.getParent() != 0)
    text += fmt::format(", child of scheduler {}", scheduler.getParent());
  if (scheduler.getCgroup().size() > 0) text += ", cgroup " + safe(scheduler.getCgroup());
  return text;
}

}  // namespace

void RunHeader::visit(const RecordView& view) {
  ++records_;
  if (!view.known) {
    ++unknown_;
    return;
  }
  losses_.visit(view.record);
  lockups_.visit(view);
  delays_.visit(view);
  switch (view.record.which()) {
    case schema::Record::RUN_STARTED: return run_.keep(view.record.getRunStarted());
    case schema::Record::KERNEL_IDENTIFIED: return kernel_.keep(view.record.getKernelIdentified());
    case schema::Record::LAYOUT_USED:
      return layouts_.emplace_back().keep(view.record.getLayoutUsed());
    case schema::Record::SCHEDULER_ATTACHED:
      return schedulers_.emplace_back().keep(view.record.getSchedulerAttached());
    case schema::Record::CONSOLE:
      console_bytes_ += view.record.getConsole().getText().size();
      return;
    case schema::Record::CLOCKSOURCE_SEEN:
      return clocksource_seen(view.record.getClocksourceSeen());
    case schema::Record::FREEZE_BEGAN: return freeze_began(view.record.getFreezeBegan());
    case schema::Record::OP_REQUESTED: return requested(view.record.getOpRequested());
    case schema::Record::SEALED: return sealed_.keep(view.record.getSealed());
    default: return;
  }
}

void RunHeader::freeze_began(schema::FreezeBegan::Reader began) {
  if (began.getCause() != schema::FreezeCause::PERIODIC) return;
  ++periodic_;
  last_interval_ = std::max(last_interval_, began.getInterval());
}

void RunHeader::requested(schema::OpRequested::Reader request) {
  if (request.getGuestRequest() == 0 || has_series_) return;
  for (auto entry : request.getEntries())
    has_series_ |= !tags_.insert(std::hash<std::string_view>()(chars(entry.getTag()))).second;
}

// A guest may change the clocksource at every freeze.
void RunHeader::clocksource_seen(schema::ClocksourceSeen::Reader seen) {
  constexpr size_t kShown = 200;
  ++clocksources_;
  if (clock_.size() < kShown) clock_ += (clock_.empty() ? "" : ", then ") + safe(seen.getName());
}

std::optional<Digest> RunHeader::types() const {
  const auto bytes = as_bytes(chars(kernel_.get().getBtfDigest()));
  Digest digest;
  if (bytes.size() != digest.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

void RunHeader::show(const std::string& tape, const Verification& found, TextWriter& writer) const {
  writer.field("tape", printable(tape));
  writer.field("", integrity_text(found) + ", " + count_text(records_, "record"));
  writer.field("outcome", sealed_.present() ? outcome_text(sealed_.get())
                                            : "not known: the tape was never sealed");
  show_run(writer);
  show_kernel(writer);
  show_schedulers(writer);
  show_layouts(writer);
}

void RunHeader::show_run(TextWriter& writer) const {
  if (!run_.present()) return writer.field("run", "the tape does not say");
  auto run = run_.get();
  auto scenario = run.getScenario();
  writer.field("scenario", or_unknown(scenario.getName()));
  if (scenario.getDescription().size() > 0) writer.field("", safe(scenario.getDescription()));
  if (run.getWallClockNs() > 0) writer.field("captured", wall_clock_text(run.getWallClockNs()));
  writer.field("by", fmt::format("ktape {}, host {}, {}", safe(run.getKtapeVersion()),
                                 or_unknown(run.getHostKernel()), or_unknown(run.getHostCpu())));
  if (const std::string host = host_text(run.getHostProcessor()); !host.empty())
    writer.field("", host);
  writer.field("machine", accelerator_text(run));
  writer.field("", topology_text(run));
  writer.field("", or_unknown(run.getQemuVersion()));
  if (const char* kept = memory_text(run.getMemoryMode())) writer.field("memory kept", kept);
  if (const std::string tested = tested_program_text(run.getSchedulerProgram()); !tested.empty())
    writer.field("tested", tested);
  show_freezes_planned(writer);
}

void RunHeader::show_freezes_planned(TextWriter& writer) const {
  auto run = run_.get();
  std::string label = "frozen on";
  for (auto trigger : run.getFreezeTriggers()) {
    writer.field(
        std::exchange(label, ""),
        fmt::format("{}: {}(), at most {}{}", safe(trigger.getName()), safe(trigger.getFunction()),
                    count_text(trigger.getTimes(), "time"), arming_text(trigger, run)));
  }
  if (run.getFreezeEveryMs() > 0)
    writer.field(label, fmt::format("time: every {} ms", run.getFreezeEveryMs()));
}

void RunHeader::show_kernel(TextWriter& writer) const {
  auto run = run_.get();
  if (run.getKernelImage().size() > 0) {
    std::string image = safe(run.getKernelImage());
    if (run.getKernelImageDigest().size() > 0)
      image += ", SHA-256 " + short_digest(run.getKernelImageDigest());
    writer.field("kernel", image);
  }
  if (kernel_.present()) {
    auto kernel = kernel_.get();
    std::string preemption = safe(kernel.getPreemption());
    writer.field(run.getKernelImage().size() > 0 ? "" : "kernel",
                 fmt::format("{}{}{}, HZ {}, {}, {}-level paging", safe(kernel.getRelease()),
                             preemption.empty() ? "" : ", ", preemption, kernel.getHz(),
                             count_text(kernel.getCpus(), "CPU"), kernel.getPagingLevels()));
    writer.field("",
                 fmt::format("KASLR slide {:#x}, phys_base {:#x}, direct map at {:#x}",
                             kernel.getKaslrSlide(), kernel.getPhysBase(), kernel.getPageOffset()));
  }
  if (clocksources_ > 0) writer.field("", "clocksource " + clock_);
  if (run.getKernelCommandLine().size() > 0) writer.field("", safe(run.getKernelCommandLine()));
  if (run.getFastBoot())
    writer.field("", "--fast-boot: the command line changes the kernel under test");
}

void RunHeader::show_schedulers(TextWriter& writer) const {
  if (schedulers_.empty()) writer.field("scheduler", "none was attached");
  for (const auto& scheduler : schedulers_) {
    auto reader = scheduler.get();
    writer.field(fmt::format("scheduler {}", reader.getId()), scheduler_text(reader));
  }
}

void RunHeader::show_layouts(TextWriter& writer) const {
  if (layouts_.empty()) return;
  writer.section("LAYOUT of the fields used");
  // Columns as wide as their widest cell.
  size_t widest_type = 0;
  size_t widest_path = 0;
  for (const auto& layout : layouts_) {
    widest_type = std::max(widest_type, columns_of(safe(layout.get().getType())));
    widest_path = std::max(widest_path, columns_of(safe(layout.get().getPath())));
  }
  for (const auto& kept : layouts_) {
    auto layout = kept.get();
    writer.line(fmt::format(
        "  {}  {}  {:>6}  {:>9}  {}", padded(safe(layout.getType()), widest_type),
        padded(safe(layout.getPath()), widest_path), fmt::format("+{}", layout.getOffsetBytes()),
        bytes_text(layout.getSizeBytes()), safe(layout.getEncoding())));
  }
}

void RunHeader::show_end(const Verification& found, TextWriter& writer) const {
  writer.section("END");
  writer.field("outcome", sealed_.present() ? outcome_text(sealed_.get())
                                            : "not known: the tape was never sealed");
  show_triggers(writer);
  show_host(writer);
  show_losses(writer);
  if (console_bytes_ > 0)
    writer.field("console", bytes_text(console_bytes_) + " of text, shown by --console");
  if (unknown_ > 0) {
    writer.field("unknown", count_text(unknown_, "record") + " of unknown kind");
  }
  if (found.integrity != Integrity::kAltered) writer.field("head", to_hex(found.head));
}

void RunHeader::show_triggers(TextWriter& writer) const {
  std::string label = "frozen on";
  for (auto trigger : sealed_.get().getTriggers())
    writer.field(std::exchange(label, ""), trigger_text(trigger));
  const std::string intervals = periodic_text();
  if (!intervals.empty()) writer.field(label, "time: " + intervals);
}

void RunHeader::show_host(TextWriter& writer) const {
  if (delays_.known()) {
    const HostSpan all = delays_.all();
    writer.field("host", fmt::format("in {}, vCPUs waited for a CPU: {}",
                                     duration_text(all.running_ns), waits_text(all)));
  }
  if (const std::string hidden = lockups_.hidden_text(); !hidden.empty())
    writer.field("lockups", hidden);
}

// Without the counts in the seal, the freezes themselves are counted.
std::string RunHeader::periodic_text() const {
  if (sealed_.get().hasIntervals()) return intervals_text(sealed_.get().getIntervals());
  if (periodic_ == 0) return "";
  if (last_interval_ == 0) return count_text(periodic_, "freeze");
  return fmt::format("{} of the first {} froze", periodic_, count_text(last_interval_, "interval"));
}

void RunHeader::show_losses(TextWriter& writer) const {
  const std::vector<Loss>& losses = losses_.losses();
  for (const Loss& loss : losses) {
    writer.field(&loss == &losses.front() ? "lost" : "",
                 fmt::format("{} {}: {}", loss.count, loss.name, loss.description));
  }
  if (!losses_.known()) {
    writer.field(losses.empty() ? "lost" : "", losses.empty()
                                                   ? "not known: the tape does not say"
                                                   : "the recorder's losses are not known");
  } else if (losses.empty()) {
    writer.field("lost", "nothing");
  }
}

}  // namespace ktape
