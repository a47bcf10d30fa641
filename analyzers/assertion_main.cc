// SPDX-License-Identifier: Apache-2.0

// The command line that every assertion program shares.

#include <cstdio>

#include "analyzers/assertion.h"
#include "schema/base/command_line.h"

namespace {

constexpr char kFooter[] =
    "Prints KTAP: the findings with the sequence numbers of the records that prove them (`ktape show`\n"
    "lists them), what the recorder lost, and one result: ok, not ok, or ok with # SKIP inconclusive.\n"
    "\n"
    "Exit status: 0 pass, 1 violated, 77 inconclusive, 2 usage, 3 the tape is altered or unusable.";

ktape::Result<ktape::ExitCode> run(const std::string& path, ktape::Assertion& assertion) {
  KTAPE_ASSIGN(auto tape, ktape::JournalReader::open(path));
  KTAPE_ASSIGN(ktape::TapeFacts facts, ktape::judge(*tape, assertion));
  std::fputs(ktape::ktap(facts, assertion).c_str(), stdout);
  if (std::fflush(stdout) != 0) {
    return ktape::system_error(ktape::ErrorCode::kHost, "cannot write to standard output");
  }
  return ktape::exit_code(assertion.verdict());
}

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<ktape::Assertion> assertion = ktape::make_assertion();
  std::string program = "ktape-assert-" + std::string(assertion->name());
  CLI::App app(std::string(assertion->help()) + "\n", program);
  app.footer(kFooter);
  app.set_version_flag("--version", program + " " + KTAPE_VERSION);
  std::string path;
  app.add_option("TAPE", path, "a tape, or the .partial that a recorder left")->required();
  if (std::optional<int> status = ktape::parse_command_line(app, argc, argv)) return *status;
  ktape::Result<ktape::ExitCode> result = run(path, *assertion);
  if (result.ok()) return static_cast<int>(result.value());
  std::fputs(ktape::describe(program, result.error()).c_str(), stderr);
  return static_cast<int>(ktape::exit_code(result.error()));
}
