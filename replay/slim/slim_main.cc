// SPDX-License-Identifier: Apache-2.0

// ktape-slim: makes a smaller tape of the same run, to keep next to a test.

#include <fmt/format.h>

#include "replay/slim/slim.h"
#include "schema/base/command/command_line.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/exit_code.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape slim";

constexpr char kHelp[] =
    R"(Makes a smaller tape of the same run, to keep in a repository next to the test that
replays it. All records and all pages of memory are kept. The kernel's types and symbols
are reduced to those that the run used, that 'ktape replay' needs, and that tasks,
runqueues, sched_ext and BPF maps consist of; the kernel's configuration is left out.
Types that the kept ones only point at keep their names and lose their members.

OUT records that it is slim, and the head digest of the tape that it was made from. TAPE
must be intact, and is not changed.)";

constexpr char kFooter[] = R"(Example:
  ktape capture cold_path_roundtrip -o run.ktape && ktape slim run.ktape slim.ktape

Exit status: 0 made and verified; 2 usage, or OUT exists; 3 the tape is altered, unusable
or already slim, or keeps all of the guest's memory; 77 it has no kernel to slim.)";

Result<ExitCode> run(const std::string& tape, const std::string& out) {
  KTAPE_ASSIGN(const SealedTape made, slim_tape(tape, out));
  const std::string text =
      fmt::format("tape  {}  ({} records, {:.2f} MB)\nhead  {}\n", printable(made.path),
                  made.records, static_cast<double>(made.bytes) / 1e6, to_hex(made.head));
  KTAPE_TRY(write_output(text));
  KTAPE_TRY(flush_output());
  return ExitCode::kGood;
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  ktape::Program program(ktape::kProgram, ktape::kHelp, ktape::kFooter);
  std::string tape, out;
  program.add("TAPE", tape, "A sealed tape").required();
  program.add("OUT", out, "The tape to write").required();
  return program.run(argc, argv, [&] { return ktape::run(tape, out); });
}
