// SPDX-License-Identifier: Apache-2.0

// ktape-upgrade: a tape of an earlier format with today's tables.

#include <fmt/format.h>

#include <cstdio>

#include "replay/text/json_lines.h"
#include "schema/base/command_line.h"
#include "schema/base/exit_code.h"
#include "schema/base/text.h"
#include "schema/tape/tables.h"
#include "schema/tape/writing/upgrade.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape upgrade";

constexpr char kHelp[] =
    "Writes the tables of a tape anew, so that SQL finds the columns of today's format in it. Records, "
    "pages\n"
    "and blobs are copied bit for bit: OUT has the head digest of TAPE. Nothing else needs an upgrade: "
    "every\n"
    "verb and every assertion reads tapes of all formats, from their records.\n"
    "\n"
    "TAPE must be sealed and intact, or sealed by salvage, and is not touched.";

constexpr char kFooter[] =
    "Example:\n"
    "  ktape upgrade old.ktape new.ktape && sqlite3 new.ktape 'select * from oops'\n"
    "\n"
    "--json prints one object: tape, fromFormat, format, records, bytes, head.\n"
    "\n"
    "Exit status: 0 made; 2 usage, or OUT exists; 3 the tape is altered, not sealed, or unusable; 4 the "
    "host\n"
    "could not write OUT.";

std::string text_of(const UpgradedTape& made) {
  return fmt::format("tape    {}  ({} records, {:.2f} MB)\nformat  {}, was {}\nhead    {}\n",
                     printable(made.tape.path), made.tape.records, static_cast<double>(made.tape.bytes) / 1e6,
                     kFormatVersion, made.from_format, to_hex(made.tape.head));
}

std::string json_of(const UpgradedTape& made) {
  return fmt::format(
      "{{\"tape\":{},\"fromFormat\":{},\"format\":{},\"records\":{},\"bytes\":{},\"head\":\"{}\"}}\n",
      json_string(printable(made.tape.path)), made.from_format, kFormatVersion, made.tape.records,
      made.tape.bytes, to_hex(made.tape.head));
}

Result<ExitCode> run(const std::string& tape, const std::string& out, bool json) {
  KTAPE_ASSIGN(const UpgradedTape made, upgrade(tape, out));
  const std::string text = json ? json_of(made) : text_of(made);
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
  bool json = false;
  app.add_option("TAPE", tape, "a sealed tape")->required();
  app.add_option("OUT", out, "the tape to make")->required();
  app.add_flag("--json", json, "print JSON");
  if (std::optional<int> status = ktape::parse_command_line(app, argc, argv)) return *status;
  return ktape::exit_status(ktape::kProgram, ktape::run(tape, out, json));
}
