// SPDX-License-Identifier: Apache-2.0

// ktape-replay: runs today's op and gate code on the memory of a tape, or shows what was going on
// at a record.

#include <fmt/format.h>

#include "replay/rerun/reexecution.h"
#include "replay/rerun/run_state.h"
#include "replay/tape/tape_index.h"
#include "replay/tape/tape_kernel.h"
#include "replay/text/integrity_text.h"
#include "replay/text/text_writer.h"
#include "schema/base/command/command_line.h"
#include "schema/base/command/pager.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/exit_code.h"
#include "schema/base/json_format.h"
#include "schema/base/json_writer.h"
#include "schema/base/text.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape replay";

constexpr char kHelp[] =
    R"(Executes every cold request of a tape again, including each retry: runs the op and gate code
of this ktape on the memory that the tape kept at each freeze. Compares each gate and each
field of the reply with what was recorded: status, reason, value, addresses, type, width.
Writes go to a copy. The evidence of each freeze and the layouts used are also compared
with what this ktape finds.

A difference means that this ktape reads the same memory differently from the ktape that
recorded it: one of them is wrong.

--state-at instead rebuilds what was going on at a record: steps, workers, schedulers,
requests that waited for their replies.)";

constexpr char kFooter[] =
    R"(Requests are not replayed if their freeze kept no memory, or not the memory they need; if
they are hot, because nobody kept the memory that they saw; or if they were refused before
a freeze. Their numbers are printed.

Examples:
  ktape replay run.ktape
  ktape replay run.ktape --json | jq '.differences[].field'
  ktape replay run.ktape --state-at 130

Exit status: 0 everything that could be replayed is as recorded; 1 there are differences;
77 nothing could be replayed; 2 usage; 3 the tape is altered or unusable.)";

struct Options {
  std::string tape;
  int64_t state_at = 0;
  bool json = false;
};

std::string json_of(const ReplayReport& report, const Verification& found) {
  JsonWriter json;
  json.object()
      .field("format", JsonFormat::kReplay)
      .field("requests", JsonDigits{report.requests})
      .field("replayed", JsonDigits{report.replayed})
      .field("noMemory", JsonDigits{report.no_memory})
      .field("notCaptured", JsonDigits{report.not_captured})
      .field("deferred", JsonDigits{report.deferred})
      .field("entries", JsonDigits{report.entries})
      .field("gates", JsonDigits{report.gates})
      .field("freezes", JsonDigits{report.freezes})
      .field("layouts", JsonDigits{report.layouts})
      .field("tries", JsonDigits{report.tries})
      .field("hot", JsonDigits{report.hot})
      .field("refused", JsonDigits{report.refused})
      .field("unanswered", JsonDigits{report.unanswered})
      .field("differenceCount", JsonDigits{report.difference_count})
      .key("differences")
      .list();
  for (const ReplayDifference& difference : report.differences) {
    json.object()
        .field("seq", JsonDigits{difference.seq.value})
        .field("what", difference.what)
        .field("field", difference.field.field)
        .field("recorded", difference.field.recorded)
        .field("computed", difference.field.computed)
        .end();
  }
  json.end();
  put_integrity(json, found);
  return json.end().newline().take();
}

// If nothing was compared, "no differences" would be misleading.
std::string what_was_replayed(const ReplayReport& report) {
  const uint64_t compared = report.entries + report.gates + report.freezes + report.layouts;
  std::string text = report.requests == 0
                         ? std::string("the run has no cold request to replay")
                         : fmt::format("{} of {} replayed", report.replayed,
                                       count_text(report.requests, "cold request"));
  if (compared == 0) return text + ": nothing could be compared\n";
  if (report.difference_count > 0) {
    text += ": " + count_text(report.difference_count, "difference");
  } else {
    text += report.replayed > 0 ? ": no differences"
                                : ": no differences in what else could be compared";
  }
  const std::string tries =
      report.tries == 0 ? "" : ", " + count_text(report.tries, "earlier try", "earlier tries");
  return text + fmt::format("\ncompared: {}, {}{}, evidence of {}, {}\n",
                            count_text(report.entries, "entry", "entries"),
                            count_text(report.gates, "gate"), tries,
                            count_text(report.freezes, "freeze"),
                            count_text(report.layouts, "layout"));
}

std::string text_of(const ReplayReport& report, const Verification& found) {
  std::string text;
  for (const ReplayDifference& difference : report.differences) {
    text += fmt::format("seq {}: {}: {}: recorded {}, computed {}\n", difference.seq.value,
                        difference.what, difference.field.field, difference.field.recorded,
                        difference.field.computed);
  }
  if (report.difference_count > report.differences.size()) {
    text += fmt::format("... and {} more\n", report.difference_count - report.differences.size());
  }
  text += what_was_replayed(report);
  const auto line = [&](uint64_t count, std::string_view why) {
    if (count > 0) text += fmt::format("{}: {}\n", count_text(count, "request"), why);
  };
  line(report.deferred, "deferred until the kernel was known");
  line(report.no_memory, "not replayed: no memory of the freeze was kept");
  line(report.not_captured, "not replayed: something that they needed was not captured");
  line(report.hot, "not replayed: hot, read while the machine ran");
  line(report.refused, "not replayed: refused before a freeze");
  line(report.unanswered, "not replayed: the tape has no reply");
  return text + integrity_lines(found);
}

// 77 also for a run that had nothing to replay.
ExitCode code_of(const ReplayReport& report) {
  if (report.difference_count > 0) return ExitCode::kViolated;
  return report.replayed > 0 ? ExitCode::kGood : ExitCode::kInconclusive;
}

Result<ExitCode> replay(const TapeReader& tape, const Options& options) {
  KTAPE_ASSIGN(const Verification found, verify(options.tape, std::nullopt));
  KTAPE_ASSIGN(const TapeIndex index, TapeIndex::make(tape));
  KTAPE_ASSIGN(const Kernel kernel, restore_kernel(tape, index));
  Reexecution reexecution(tape, index, kernel);
  KTAPE_TRY(tape.for_each([&](const RecordView& view) { return reexecution.visit(view); }));
  const ReplayReport report = reexecution.finish();
  KTAPE_TRY(write_output(options.json ? json_of(report, found) : text_of(report, found)));
  return with_integrity(code_of(report), found);
}

Result<ExitCode> show_state(const TapeReader& tape, const Options& options) {
  RunState state;
  Seq last;
  bool found = false;
  const auto visit = [&](const RecordView& view) -> Result<void> {
    last = view.seq;
    const auto seq = static_cast<int64_t>(view.seq.value);
    // Goes on to the end, which checks the chain and tells how many records there are.
    if (seq > options.state_at) return {};
    found = seq == options.state_at;
    return state.visit(view);
  };
  KTAPE_TRY(tape.for_each(visit, ChainCheck::kRecords));
  if (!found) {
    return Error{
        ErrorCode::kUsage,
        fmt::format("--state-at {}: the tape has records 1 to {}", options.state_at, last.value),
        ""};
  }
  TextWriter writer;
  state.show(writer);
  KTAPE_TRY(write_output(options.json ? state.json() : writer.take()));
  return ExitCode::kGood;
}

Result<ExitCode> run(const Options& options, bool state) {
  KTAPE_ASSIGN(auto tape, TapeReader::open(options.tape));
  KTAPE_ASSIGN(ExitCode code, state ? show_state(*tape, options) : replay(*tape, options));
  KTAPE_TRY(flush_output());
  return code;
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  ktape::Program program(ktape::kProgram, ktape::kHelp, ktape::kFooter);
  ktape::Options options;
  program.add("TAPE", options.tape, "A tape, or the .partial left by a recorder").required();
  const ktape::Option state =
      program.add("--state-at", options.state_at, "Show what was going on at this record")
          .value_name("SEQ");
  program.add_flag("--json", options.json, "Print one line of JSON");
  const ktape::PagerOption pager(program);
  return program.run(argc, argv, [&] {
    return pager.paged([&] { return ktape::run(options, state.count() > 0); });
  });
}
