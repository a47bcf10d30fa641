// SPDX-License-Identifier: Apache-2.0

// ktape-upgrade: rewrites a tape of an earlier format with the current tables.

#include <fmt/format.h>

#include "schema/base/command/command_line.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/exit_code.h"
#include "schema/base/json_format.h"
#include "schema/base/json_writer.h"
#include "schema/base/text.h"
#include "schema/tape/copy/upgrade.h"
#include "schema/tape/tables.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape upgrade";

constexpr char kHelp[] =
    R"(Rewrites the tables of a tape, so that SQL finds the columns of the current format in it.
Records, pages and blobs are copied bit for bit: OUT has the head digest of TAPE. Nothing
else needs an upgrade: every verb and every assertion reads tapes of all formats, from
their records.

TAPE must be sealed and intact, or sealed by salvage, and is not changed.)";

constexpr char kFooter[] = R"(Example:
  ktape upgrade old.ktape new.ktape && sqlite3 new.ktape 'select * from oops'

--json prints one object: format (of this JSON, 1), tape, fromFormat, toFormat,
records, bytes, head.

Exit status: 0 made; 2 usage, or OUT exists; 3 the tape is altered, not sealed, or
unusable; 4 OUT could not be written.)";

std::string text_of(const UpgradedTape& made) {
  return fmt::format("tape    {}  ({} records, {:.2f} MB)\nformat  {}, was {}\nhead    {}\n",
                     printable(made.tape.path), made.tape.records,
                     static_cast<double>(made.tape.bytes) / 1e6, kFormatVersion, made.from_format,
                     to_hex(made.tape.head));
}

std::string json_of(const UpgradedTape& made) {
  JsonWriter json;
  json.object()
      .field("format", JsonFormat::kUpgrade)
      .field("tape", printable(made.tape.path))
      .field("fromFormat", made.from_format)
      .field("toFormat", kFormatVersion)
      .field("records", JsonDigits{made.tape.records})
      .field("bytes", JsonDigits{made.tape.bytes})
      .field("head", to_hex(made.tape.head));
  return json.end().newline().take();
}

Result<ExitCode> run(const std::string& tape, const std::string& out, bool json) {
  KTAPE_ASSIGN(const UpgradedTape made, upgrade(tape, out));
  const std::string text = json ? json_of(made) : text_of(made);
  KTAPE_TRY(write_output(text));
  KTAPE_TRY(flush_output());
  return ExitCode::kGood;
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  ktape::Program program(ktape::kProgram, ktape::kHelp, ktape::kFooter);
  std::string tape, out;
  bool json = false;
  program.add("TAPE", tape, "A sealed tape").required();
  program.add("OUT", out, "The tape to write").required();
  program.add_flag("--json", json, "Print one JSON object");
  return program.run(argc, argv, [&] { return ktape::run(tape, out, json); });
}
