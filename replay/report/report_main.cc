// SPDX-License-Identifier: Apache-2.0

// ktape-report: summarizes a tape for readers who do not have it.

#include "replay/check/assertion_options.h"
#include "replay/report/report_facts.h"
#include "replay/report/report_html.h"
#include "replay/report/report_text.h"
#include "schema/base/command/command_line.h"
#include "schema/base/command/pager.h"
#include "schema/base/command/standard_output.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape report";

constexpr char kHelp[] =
    R"(Summarizes a tape for readers who do not have it, as text for a mailing list: at most 60
lines of 75 columns with how the run ended, kernel, scenario, what ejected the scheduler;
which tasks were waiting then, in which DSQ, since when, where each may run, and what each
CPU ran; which assertions the tape violates and by which records, what the recorder lost, and
how to verify all of it.

Everything comes from the tape alone. The waiting tasks come from the memory that it kept
of the freeze; without memory, from what the recorder read of the workers, else from the
kernel's own dump. The report names the source.

-o writes an HTML page instead, which needs no network: a timeline of steps, requests and
freezes, values over time, gates, what each vCPU did at each freeze, verdicts, layouts,
losses, the console.)";

constexpr char kFooter[] = R"(Examples:
  ktape report run.ktape
  ktape report run.ktape --freeze 2          a freeze other than the one on the error
  ktape report run.ktape --only run-completed
  ktape report run.ktape -o run.html         the page, for a browser

Exit status: 0 written, whatever it says; 2 usage, including an output that exists; 3 the
tape is altered or unusable; 4 the host lacks something; 77 the tape has no such freeze.)";

Result<ExitCode> run(const ReportOptions& options, const std::string& page) {
  if (!page.empty()) {
    KTAPE_TRY(write_report_page(options.tape, options.assertions, page));
    return ExitCode::kGood;
  }
  KTAPE_ASSIGN(const ReportFacts report, gather_report(options));
  const std::string text = report_as_text(report);
  KTAPE_TRY(write_output(text));
  KTAPE_TRY(flush_output());
  return ExitCode::kGood;
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  ktape::Program program(ktape::kProgram, ktape::kHelp, ktape::kFooter);
  ktape::ReportOptions options;
  program.add("TAPE", options.tape, "A tape, or the .partial left by a recorder").required();
  bool text = true;
  const ktape::Option as_text =
      program.add_flag("--text", text, "Print text for an email (the default)");
  const ktape::Option freeze = program
                                   .add("--freeze", options.freeze,
                                        "Report on this freeze: its number, 'last' or 'error'; "
                                        "default: 'error', or 'last' if there was no error")
                                   .value_name("FREEZE");
  std::string page;
  program
      .add("-o,--output", page,
           "Write this HTML page, which has every freeze, instead; '-' is standard output")
      .value_name("OUT")
      .excludes(as_text)
      .excludes(freeze);
  ktape::add_assertion_options(program, options.assertions);
  const ktape::PagerOption pager(program);
  return program.run(argc, argv,
                     [&] { return pager.paged([&] { return ktape::run(options, page); }); });
}
