// SPDX-License-Identifier: Apache-2.0

// ktape-show: shows a run, as text or as JSON Lines.

#include <set>
#include <utility>

#include "replay/show/record_filter.h"
#include "replay/show/run_header.h"
#include "replay/show/timeline.h"
#include "replay/tape/series.h"
#include "replay/text/json_lines.h"
#include "schema/base/command/command_line.h"
#include "schema/base/command/pager.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/command/terminal.h"
#include "schema/base/exit_code.h"
#include "schema/base/text.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape show";

constexpr char kHelp[] =
    R"(Shows a run: what was run on what, the field layouts used, and the timeline of steps,
requests, freezes, gates and replies. A line of the timeline begins with the record's
sequence number and the host's time since the run began, in seconds. Whole objects are
shown member by member, with the kernel's types from the tape.)";

constexpr char kFooter[] =
    R"(--json prints one object per record and line: format (1), seq, hostNs, guestNs, kind, and the
record's content under the name of its kind, with the names of schema/record.capnp. 64-bit
integers are strings of digits; kernel text is a string, or {"hex":"..."} if it is not UTF-8;
digests and memory are hex.

The options from --freeze to --step combine: a record is shown if it matches all of them. Then only
records are printed.

Exit status: 0 shown, 2 usage, 3 the tape is altered or unusable, 77 the tape has no such freeze,
step, record or time.)";

struct Options {
  std::string tape;
  bool json = false;
  bool console = false;
  RecordChoice choice;
};

// Of a tape whose records are all that standard output has room for.
Result<ExitCode> integrity_code(const Verification& found, const Options& options) {
  if (found.integrity != Integrity::kAltered) return ExitCode::kGood;
  KTAPE_TRY(flush_output());
  return Error{ErrorCode::kBadInput,
               in_quotes(options.tape) + " is altered: " + printable(found.finding), ""};
}

Result<ExitCode> show_json(const TapeReader& tape, const Options& options) {
  KTAPE_ASSIGN(Verification found, verify(options.tape, std::nullopt));
  KTAPE_ASSIGN(const RecordFilter filter, RecordFilter::make(tape, options.choice));
  KTAPE_TRY(tape.for_each([&](const RecordView& view) {
    return filter.takes(view) ? write_output(json_line(view)) : Result<void>();
  }));
  return integrity_code(found, options);
}

// The records that were asked for, and nothing above or below.
Result<ExitCode> show_chosen(const TapeReader& tape, const Options& options, Colors colors) {
  KTAPE_ASSIGN(Verification found, verify(options.tape, std::nullopt));
  KTAPE_ASSIGN(const RecordFilter filter, RecordFilter::make(tape, options.choice));
  KTAPE_ASSIGN(std::set<uint64_t> replies, filter.replies(tape));
  TextWriter writer(colors);
  TapeValues values(tape);
  Timeline timeline(writer, {options.console || filter.names(schema::Record::CONSOLE), &values,
                             std::move(replies)});
  bool any = false;
  KTAPE_TRY(tape.for_each([&](const RecordView& view) {
    filter.takes(view) ? timeline.visit(view) : timeline.pass_over(view);
    const std::string text = writer.take();
    any |= !text.empty();
    return write_output(text);
  }));
  if (!any) KTAPE_TRY(write_output("no record to show\n"));
  return integrity_code(found, options);
}

// Each series as a whole, below the timeline that has its values one by one.
void show_series(const TapeReader& tape, TapeValues& values, TextWriter& writer) {
  const Result<RunFacts> run = gather_run_facts(tape, &values);
  writer.section("SERIES");
  if (!run.ok()) return writer.line("  not shown: " + printable(run.error().message));
  for (const Series& series : series_of(*run))
    writer.led("  ", series.name + ": " + summary_text(series));
}

Result<ExitCode> show_text(const TapeReader& tape, const Options& options, Colors colors) {
  if (!options.choice.empty()) return show_chosen(tape, options, colors);
  KTAPE_ASSIGN(Verification found, verify(options.tape, std::nullopt));
  RunHeader header;
  KTAPE_TRY(tape.for_each([&](const RecordView& view) -> Result<void> {
    header.visit(view);
    return {};
  }));
  TextWriter writer(colors);
  header.show(options.tape, found, writer);
  TapeValues values(tape);
  if (const std::optional<Error> untyped = values.untyped())
    writer.field("types", "values are shown without types: " + printable(untyped->message));
  writer.section("TIMELINE");
  Timeline timeline(writer, {options.console, &values, {}});
  KTAPE_TRY(tape.for_each([&](const RecordView& view) {
    timeline.visit(view);
    return write_output(writer.take());
  }));
  if (header.has_series()) show_series(tape, values, writer);
  header.show_end(found, writer);
  KTAPE_TRY(write_output(writer.take()));
  return found.integrity == Integrity::kAltered ? ExitCode::kBadInput : ExitCode::kGood;
}

Result<ExitCode> run(const Options& options, Colors colors) {
  KTAPE_ASSIGN(auto tape, TapeReader::open(options.tape));
  KTAPE_ASSIGN(ExitCode code,
               options.json ? show_json(*tape, options) : show_text(*tape, options, colors));
  KTAPE_TRY(flush_output());
  return code;
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  ktape::Program program(ktape::kProgram, ktape::kHelp, ktape::kFooter);
  ktape::Options options;
  program.add("TAPE", options.tape, "A tape, or the .partial left by a recorder").required();
  const ktape::Option json =
      program.add_flag("--json", options.json, "Print every record as a line of JSON");
  program.add_flag("--console", options.console, "Also print the guest's console and dumps")
      .excludes(json);
  ktape::add_choice_options(program, options.choice);
  const ktape::ColorOption color(program);
  const ktape::PagerOption pager(program);
  return program.run(
      argc, argv, [&] { return pager.paged([&] { return ktape::run(options, color.colors()); }); });
}
