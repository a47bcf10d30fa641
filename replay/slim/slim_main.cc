// SPDX-License-Identifier: Apache-2.0

// ktape-slim: a tape of the same run that takes less room, for keeping beside a test.

#include <fmt/format.h>

#include <cstdio>

#include "replay/slim/slim.h"
#include "schema/base/command_line.h"
#include "schema/base/exit_code.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape slim";

constexpr char kHelp[] =
    "Makes a tape of the same run that takes less room, to keep it in a repository beside the test that\n"
    "replays it. Kept are all records and all pages of memory. Of the kernel's types and symbols those stay\n"
    "that the run used, that 'ktape replay' needs, and that tasks, runqueues, sched_ext and BPF maps "
    "consist\n"
    "of; the kernel's configuration is left out. What the types that stay only point at keeps its name and\n"
    "loses its members.\n"
    "\n"
    "OUT says that it is slim, and the head digest of the tape that it was made from. TAPE must be intact,\n"
    "and is not touched.";

constexpr char kFooter[] =
    "Example:\n"
    "  ktape capture cold_path_roundtrip -o run.ktape && ktape slim run.ktape slim.ktape\n"
    "\n"
    "Exit status: 0 made, and verified; 2 usage, or OUT exists; 3 the tape is altered, unusable or slim\n"
    "already, or keeps all of the guest's memory; 77 it has no kernel to slim.";

Result<ExitCode> run(const std::string& tape, const std::string& out) {
  KTAPE_ASSIGN(const SealedTape made, slim_tape(tape, out));
  const std::string text =
      fmt::format("tape  {}  ({} records, {:.2f} MB)\nhead  {}\n", printable(made.path), made.records,
                  static_cast<double>(made.bytes) / 1e6, to_hex(made.head));
  if (std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0) return ExitCode::kGood;
  return system_error(ErrorCode::kHost, "cannot write to standard output");
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  CLI::App app(std::string(ktape::kHelp) + "\n", ktape::kProgram);
  app.footer(ktape::kFooter);
  app.set_version_flag("--version", std::string("ktape ") + KTAPE_VERSION);
  std::string tape, out;
  app.add_option("TAPE", tape, "a sealed tape")->required();
  app.add_option("OUT", out, "the tape to make")->required();
  if (std::optional<int> status = ktape::parse_command_line(app, argc, argv)) return *status;
  return ktape::exit_status(ktape::kProgram, ktape::run(tape, out));
}
