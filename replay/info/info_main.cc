// SPDX-License-Identifier: Apache-2.0

// ktape-info: describes a tape in a few lines, and shows what takes its space.

#include <capnp/dynamic.h>
#include <fmt/format.h>

#include <map>
#include <utility>

#include "replay/tape/run_delays.h"
#include "replay/tape/run_facts.h"
#include "replay/text/provenance.h"
#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"
#include "schema/base/command/command_line.h"
#include "schema/base/command/pager.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/json_format.h"
#include "schema/base/json_writer.h"
#include "schema/base/text.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/reading/tape_size.h"
#include "schema/tape/verify/verify.h"
#include "schema/wire/owned_message.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape info";

constexpr char kHelp[] =
    R"(Describes a tape in a few lines: whether it is intact, how the run ended, what ran on
which kernel, how many records of each kind it has, and its head digest. --size shows what
takes the space; the parts add up to the size of the file.)";

constexpr char kFooter[] =
    R"(--json prints one object: format (1), tape, integrity, finding, outcome, exitCode, scenario, kernel,
accelerator, host (cpu, cpus, isGuest, hypervisor, kvmNested; null: not recorded),
runDelays (ofNs, and for each of vcpus cpu, ranNs, waitedNs; null: not known),
clocksources (names, in order of use), records (by kind), triggers (a list of name, armed,
freezes, hits; null: not known), intervals (froze, skippedBusy, skippedLate; null: none,
or not known), losses, head, reproduce (the command; null: not known), schedulerProgram
(path, sha256, buildId, checkout, commit, checkoutFolder, reason, untracked; null: none),
ejections (schedulers that the kernel ejected: a list of texts); with --size also
fileBytes and size: a list of group, name, count, bytes.

--reproduce prints a shell script: the command that captures the run again, below comments
that name the kernel, scheduler and scenario. Read the script of a tape that you do not
trust before you run it.

Exit status: 0 described, 2 usage, 3 the tape is altered or unusable, 4 SQLite cannot
report sizes, 77 the tape does not have what --reproduce or --scenario-text asks for.)";

struct Options {
  std::string tape;
  bool size = false;
  bool json = false;
  bool reproduce = false;
  bool scenario_text = false;
};

constexpr size_t kMaxClocksources = 16;

struct Facts {
  Verification found;
  OwnedMessage<schema::RunStarted> run;
  OwnedMessage<schema::KernelIdentified> kernel;
  OwnedMessage<schema::SchedulerAttached> scheduler;  // the first
  OwnedMessage<schema::Sealed> sealed;
  std::map<std::string, uint64_t> kinds;
  std::vector<std::string> ejections;  // of schedulers, by the kernel
  RunDelayFold delays;
  std::vector<std::string> clocksources;  // safe to print; the first of them
  TapeSize size;
};

std::string kind_of(const RecordView& view) {
  if (!view.known) return fmt::format("kind {}", view.kind);
  KJ_IF_MAYBE (field, capnp::DynamicStruct::Reader(view.record).which()) {
    return field->getProto().getName().cStr();
  }
  return "unknown";
}

void take(const RecordView& view, Facts& facts) {
  ++facts.kinds[kind_of(view)];
  if (!view.known) return;
  if (view.record.isRunStarted()) facts.run.keep(view.record.getRunStarted());
  if (view.record.isKernelIdentified()) facts.kernel.keep(view.record.getKernelIdentified());
  if (view.record.isSchedulerAttached() && !facts.scheduler.present())
    facts.scheduler.keep(view.record.getSchedulerAttached());
  if (view.record.isSealed()) facts.sealed.keep(view.record.getSealed());
  facts.delays.visit(view);
  if (view.record.isClocksourceSeen() && facts.clocksources.size() < kMaxClocksources)
    facts.clocksources.push_back(printable(chars(view.record.getClocksourceSeen().getName())));
}

Result<Facts> gather(const Options& options) {
  Facts facts;
  KTAPE_ASSIGN(facts.found, verify(options.tape, std::nullopt));
  KTAPE_ASSIGN(auto tape, TapeReader::open(options.tape));
  KTAPE_TRY(tape->for_each([&](const RecordView& view) -> Result<void> {
    take(view, facts);
    return {};
  }));
  // A tape that is too large to be compared is described all the same.
  if (const Result<RunFacts> run = gather_run_facts(*tape); run.ok())
    facts.ejections = run->ejections();
  if (options.size) {
    // Its tables may have cycles, which only the full check finds.
    if (facts.found.integrity == Integrity::kAltered)
      return Error{ErrorCode::kBadInput,
                   fmt::format("'{}' is altered, and its size is not analyzed: {}", options.tape,
                               facts.found.finding),
                   "run 'ktape info' without --size"};
    KTAPE_ASSIGN(facts.size, measure_tape(options.tape));
  }
  return facts;
}

void print_size(const TapeSize& size, TextWriter& writer) {
  writer.section(fmt::format("SIZE: {} bytes", size.file_bytes));
  std::string group;
  for (const SizePart& part : size.parts) {
    if (part.bytes == 0 && part.count == 0) continue;
    double share = size.file_bytes == 0 ? 0
                                        : 100.0 * static_cast<double>(part.bytes) /
                                              static_cast<double>(size.file_bytes);
    std::string count = part.count == 0 ? "" : fmt::format("{}", part.count);
    writer.line(fmt::format("{:<8} {:>12} {:5.1f} %  {:>7}  {}",
                            part.group == group ? "" : part.group, part.bytes, share, count,
                            part.name));
    group = part.group;
  }
}

// The program that a user brought, else ktape's own scheduler by the object that the guest loaded.
void page_schedulers(const Facts& facts, TextWriter& writer) {
  std::string text = tested_program_text(facts.run.get().getSchedulerProgram());
  if (text.empty()) text = own_scheduler_text(facts.scheduler.get());
  if (!text.empty()) writer.field("scheduler", text);
}

// The host, and how long the vCPUs waited for it; older recorders did not record either.
void page_host(const Facts& facts, TextWriter& writer) {
  if (const std::string host = host_text(facts.run.get().getHostProcessor()); !host.empty())
    writer.field("host", printable(chars(facts.run.get().getHostCpu())) + ", " + host);
  if (facts.delays.known()) {
    const HostSpan all = facts.delays.all();
    writer.field("", fmt::format("in {}, vCPUs waited for a CPU: {}", duration_text(all.running_ns),
                                 waits_text(all)));
  }
  std::string clocks;
  for (const std::string& clock : facts.clocksources)
    clocks += (clocks.empty() ? "" : ", then ") + clock;
  if (!clocks.empty()) writer.field("clocksource", clocks);
}

std::string text_of(const Facts& facts, const Options& options) {
  TextWriter writer;
  writer.field("tape", printable(options.tape));
  writer.field("", fmt::format("{}{}", integrity_name(facts.found.integrity),
                               facts.found.integrity == Integrity::kIntact
                                   ? ""
                                   : ": " + printable(facts.found.finding)));
  writer.field("outcome", facts.sealed.present() ? outcome_text(facts.sealed.get())
                                                 : "not known: the tape was never sealed");
  for (const std::string& ejection : facts.ejections) writer.field("", ejection);
  if (facts.run.present()) {
    auto run = facts.run.get();
    writer.field("scenario", printable(chars(run.getScenario().getName())));
    if (run.getWallClockNs() > 0) writer.field("captured", wall_clock_text(run.getWallClockNs()));
    writer.field("machine",
                 fmt::format("{}, {}, {}", enum_words(run.getAcceleratorUsed()),
                             count_text(run.getCpus(), "CPU"), bytes_text(run.getMemoryBytes())));
    page_host(facts, writer);
  }
  if (facts.kernel.present())
    writer.field("kernel", printable(chars(facts.kernel.get().getRelease())));
  page_schedulers(facts, writer);
  std::string kinds;
  uint64_t records = 0;
  for (const auto& [kind, count] : facts.kinds) {
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", count, kind);
    records += count;
  }
  writer.field("records", fmt::format("{}: {}", records, kinds));
  std::string label = "frozen on";
  for (auto trigger : facts.sealed.get().getTriggers())
    writer.field(std::exchange(label, ""), trigger_text(trigger));
  if (facts.sealed.get().hasIntervals())
    writer.field(label, "time: " + intervals_text(facts.sealed.get().getIntervals()));
  writer.field("losses", facts.found.losses.text());
  if (facts.found.integrity != Integrity::kAltered) writer.field("head", to_hex(facts.found.head));
  if (options.size) print_size(facts.size, writer);
  return writer.take();
}

// The triggers that were to freeze the machine; null if the tape does not say.
void put_triggers(JsonWriter& json, schema::Sealed::Reader sealed) {
  json.key("triggers");
  if (!sealed.hasTriggers()) {
    json.null();
    return;
  }
  json.list();
  for (auto trigger : sealed.getTriggers()) {
    json.object()
        .field("name", safe(trigger.getName()))
        .field("armed", trigger.getArmed())
        .field("freezes", JsonDigits{trigger.getFreezes()})
        .field("hits", JsonDigits{trigger.getHits()})
        .end();
  }
  json.end();
}

// Null if the user brought no scheduler.
void put_program(JsonWriter& json, schema::TestedProgram::Reader program) {
  json.key("schedulerProgram");
  if (program.getPath().size() == 0) {
    json.null();
    return;
  }
  json.object()
      .field("path", safe(program.getPath()))
      .field("sha256", to_hex(as_bytes(chars(program.getDigest()))))
      .field("buildId", to_hex(as_bytes(chars(program.getBuildId()))))
      .field("checkout", enum_words(program.getCheckout()))
      .field("commit", safe(program.getCommit()))
      .field("checkoutFolder", safe(program.getCheckoutFolder()))
      .field("reason", safe(program.getReason()))
      .key("untracked");
  if (program.getUntracked() < 0) {
    json.null();
  } else {
    json.value(program.getUntracked());
  }
  json.end();
}

// The counts of --freeze-every; null without it, or if the tape does not say.
void put_intervals(JsonWriter& json, schema::Sealed::Reader sealed) {
  json.key("intervals");
  if (!sealed.hasIntervals()) {
    json.null();
    return;
  }
  auto intervals = sealed.getIntervals();
  json.object()
      .field("froze", JsonDigits{intervals.getFroze()})
      .field("skippedBusy", JsonDigits{intervals.getSkippedBusy()})
      .field("skippedLate", JsonDigits{intervals.getSkippedLate()})
      .end();
}

// The host's processor; null from an older recorder.
void put_host(JsonWriter& json, schema::RunStarted::Reader run) {
  json.key("host");
  auto host = run.getHostProcessor();
  if (!host.getKnown()) {
    json.null();
    return;
  }
  json.object()
      .field("cpu", safe(run.getHostCpu()))
      .field("cpus", host.getCpus())
      .field("isGuest", host.getHypervisor())
      .field("hypervisor", safe(host.getHypervisorName()))
      .field("kvmNested", safe(host.getKvmNested()))
      .end();
}

// Null if the tape does not say, for the whole or for one vCPU.
void put_delays(JsonWriter& json, const RunDelayFold& delays) {
  json.key("runDelays");
  if (!delays.known()) {
    json.null();
    return;
  }
  const HostSpan all = delays.all();
  json.object().field("ofNs", JsonDigits{all.running_ns}).key("vcpus").list();
  for (const VcpuWait& wait : all.vcpus) {
    json.object().field("cpu", wait.vcpu);
    if (wait.known) {
      json.field("ranNs", JsonDigits{wait.ran_ns}).field("waitedNs", JsonDigits{wait.waited_ns});
    } else {
      json.key("ranNs").null().key("waitedNs").null();
    }
    json.end();
  }
  json.end().end();
}

void put_outcome(JsonWriter& json, const Facts& facts) {
  auto sealed = facts.sealed.get();
  if (facts.sealed.present()) {
    json.field("outcome", enum_words(sealed.getOutcome())).field("exitCode", sealed.getExitCode());
  } else {
    json.key("outcome").null().key("exitCode").null();
  }
}

void put_kinds(JsonWriter& json, const Facts& facts) {
  json.key("records").object();
  for (const auto& [kind, count] : facts.kinds) json.field(kind, JsonDigits{count});
  json.end();
}

void put_size(JsonWriter& json, const Facts& facts) {
  json.field("fileBytes", JsonDigits{facts.size.file_bytes}).key("size").list();
  for (const SizePart& part : facts.size.parts) {
    json.object()
        .field("group", part.group)
        .field("name", part.name)
        .field("count", JsonDigits{part.count})
        .field("bytes", JsonDigits{part.bytes})
        .end();
  }
  json.end();
}

std::string json_of(const Facts& facts, const Options& options) {
  auto run = facts.run.get();
  auto sealed = facts.sealed.get();
  JsonWriter json;
  json.object()
      .field("format", JsonFormat::kInfo)
      .field("tape", printable(options.tape))
      .field("integrity", integrity_name(facts.found.integrity))
      .field("finding", printable(facts.found.finding));
  put_outcome(json, facts);
  json.field("scenario", safe(run.getScenario().getName()))
      .field("kernel", safe(facts.kernel.get().getRelease()))
      .field("accelerator", enum_words(run.getAcceleratorUsed()));
  put_host(json, run);
  put_delays(json, facts.delays);
  json.key("clocksources").values(facts.clocksources);
  put_kinds(json, facts);
  put_triggers(json, sealed);
  put_intervals(json, sealed);
  const bool altered = facts.found.integrity == Integrity::kAltered;
  const Result<std::string> command = capture_command(run);
  json.field("losses", facts.found.losses.text())
      .field("head", altered ? "" : to_hex(facts.found.head))
      .key("reproduce")
      .value_or_null(command.ok() ? *command : "");
  put_program(json, run.getSchedulerProgram());
  json.key("ejections").values(facts.ejections);
  if (options.size) put_size(json, facts);
  return json.end().newline().take();
}

Result<std::string> asked_text(const Facts& facts, const Options& options) {
  if (!options.reproduce && !options.scenario_text)
    return options.json ? json_of(facts, options) : text_of(facts, options);
  // An altered tape cannot be trusted, and the user may run this.
  if (facts.found.integrity == Integrity::kAltered)
    return Error{ErrorCode::kBadInput,
                 in_quotes(options.tape) + " is altered: " + printable(facts.found.finding), ""};
  if (options.reproduce)
    return reproduce_script(options.tape, facts.run.get(), facts.kernel.get(),
                            facts.scheduler.get());
  return scenario_text(facts.run.get());
}

Result<ExitCode> run(const Options& options) {
  KTAPE_ASSIGN(Facts facts, gather(options));
  KTAPE_ASSIGN(const std::string text, asked_text(facts, options));
  KTAPE_TRY(write_output(text));
  KTAPE_TRY(flush_output());
  return facts.found.integrity == Integrity::kAltered ? ExitCode::kBadInput : ExitCode::kGood;
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  ktape::Program program(ktape::kProgram, ktape::kHelp, ktape::kFooter);
  ktape::Options options;
  program.add("TAPE", options.tape, "A tape, or the .partial left by a recorder").required();
  const ktape::Option size =
      program.add_flag("--size", options.size, "Also show what takes the space");
  const ktape::Option json = program.add_flag("--json", options.json, "Print one JSON object");
  const ktape::Option reproduce =
      program
          .add_flag("--reproduce", options.reproduce,
                    "Print only the command that captures the run again")
          .excludes(size)
          .excludes(json);
  program
      .add_flag("--scenario-text", options.scenario_text, "Print only the scenario, byte for byte")
      .excludes(size)
      .excludes(json)
      .excludes(reproduce);
  const ktape::PagerOption pager(program);
  return program.run(argc, argv, [&] { return pager.paged([&] { return ktape::run(options); }); });
}
