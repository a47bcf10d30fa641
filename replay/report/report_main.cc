// SPDX-License-Identifier: Apache-2.0

// ktape-report: a tape written up for people who were not there.

#include <cstdio>

#include "replay/check/assertion_options.h"
#include "replay/report/report_facts.h"
#include "replay/report/report_html.h"
#include "replay/report/report_text.h"
#include "schema/base/command_line.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape report";

constexpr char kHelp[] =
    "Writes a tape up for people who were not there, for a mail to a list: at most 60 lines of 75 columns\n"
    "with how the run ended, kernel, scenario, what ejected the scheduler, who waited then, in which DSQ,\n"
    "since when, where each may run and what each CPU ran, which assertions the tape violates and by which\n"
    "records, what the recorder lost, and how a reader verifies all of it.\n"
    "\n"
    "Everything comes from the tape alone: who waited from the memory that it kept of the freeze; without\n"
    "memory from what the recorder read of the workers, else from the kernel's own dump. The report says\n"
    "from which.\n"
    "\n"
    "With -o it is an HTML page instead, which needs no network: a timeline of steps, requests and freezes,\n"
    "values over time, gates, what each vCPU did at each freeze, verdicts, layouts, losses, the console.";

constexpr char kFooter[] =
    "Examples:\n"
    "  ktape report run.ktape\n"
    "  ktape report run.ktape --freeze 2          looks into another freeze than that of the error\n"
    "  ktape report run.ktape --only run-completed\n"
    "  ktape report run.ktape -o run.html         the page, for a browser\n"
    "\n"
    "Exit status: 0 written, whatever it says; 2 usage, which includes an output that\n"
    "exists; 3 the tape is altered or unusable; 4 the host lacks something; 77 the tape has no such freeze.";

Result<ExitCode> run(const ReportOptions& options, const std::string& page) {
  if (!page.empty()) {
    KTAPE_TRY(write_report_page(options.tape, options.judges, page));
    return ExitCode::kGood;
  }
  KTAPE_ASSIGN(const ReportFacts report, gather_report(options));
  const std::string text = report_as_text(report);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return system_error(ErrorCode::kHost, "cannot write to standard output");
  }
  return ExitCode::kGood;
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  CLI::App app(std::string(ktape::kHelp) + "\n", ktape::kProgram);
  app.footer(ktape::kFooter);
  app.set_version_flag("--version", std::string("ktape ") + KTAPE_VERSION);
  ktape::ReportOptions options;
  app.add_option("TAPE", options.tape, "a tape, or the .partial that a recorder left")->required();
  bool text = true;
  CLI::Option* as_text = app.add_flag("--text", text, "text for a mail (the default)");
  CLI::Option* freeze =
      app.add_option("--freeze", options.freeze,
                     "look into this freeze; default: the last on a scheduler's error, else the last")
          ->type_name("N");
  std::string page;
  app.add_option("-o,--output", page,
                 "make this HTML page instead, which has every freeze; '-' is standard output")
      ->type_name("OUT")
      ->excludes(as_text)
      ->excludes(freeze);
  ktape::add_assertion_options(app, options.judges);
  if (std::optional<int> status = ktape::parse_command_line(app, argc, argv)) return *status;
  return ktape::exit_status(ktape::kProgram, ktape::run(options, page));
}
