// SPDX-License-Identifier: Apache-2.0

// ktape-verify: checks whether a tape is as it was recorded.

#include <fmt/format.h>

#include "schema/base/command/command_line.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/exit_code.h"
#include "schema/base/text.h"
#include "schema/tape/copy/salvage.h"
#include "schema/tape/verify/verify.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape verify";

constexpr char kHelp[] =
    R"(Checks that all parts of a tape agree with each other: the chain over all records, the
SQL tables, pages, blobs, and the counts in the seal.

The chain reveals damage and accidental changes. Anyone who rewrites a whole tape can
recompute it: use --expect to compare the head digest with the one that the recorder
printed.)";

constexpr char kFooter[] = R"(  intact     sealed, and as it was recorded
  truncated  a valid beginning that was sealed by --salvage
  unsealed   a valid beginning, or the whole run but not merged into one file: the recorder died, or
             is still running
  altered    something is not as it was recorded

Exit status: 0 intact, 1 truncated or unsealed, 3 altered or not a tape, 2 usage. With
--salvage: 0 if OUT was made.)";

struct Options {
  std::string tape;
  std::string expect;
  std::string salvage;
};

ExitCode integrity_code(Integrity integrity) {
  switch (integrity) {
    case Integrity::kIntact: return ExitCode::kGood;
    case Integrity::kTruncated:
    case Integrity::kUnsealed: return ExitCode::kViolated;
    case Integrity::kAltered: return ExitCode::kBadInput;
  }
  return ExitCode::kBadInput;
}

Result<void> print(const std::string& path, const Verification& found) {
  std::string cause = found.finding.empty() ? "" : ": " + printable(found.finding);
  std::string hint = found.hint.empty() ? "" : "hint: " + printable(found.hint) + "\n";
  std::string text = fmt::format("{}: {}{}\n{}records {}\n", printable(path),
                                 integrity_name(found.integrity), cause, hint, found.records);
  // The head digest of an altered tape must not be quoted.
  if (found.integrity != Integrity::kAltered) {
    text += "head    " + to_hex(found.head) + "\nlosses  " + found.losses.text() + "\n";
  }
  KTAPE_TRY(write_output(text));
  return flush_output();
}

Result<ExitCode> run(const Options& options) {
  std::optional<Digest> expect;
  if (!options.expect.empty()) {
    expect = digest_from_hex(options.expect);
    if (!expect) {
      return Error{ErrorCode::kUsage,
                   "--expect " + in_quotes(options.expect) + " is not a digest of 64 hex digits",
                   ""};
    }
  }
  KTAPE_ASSIGN(Verification found, verify(options.tape, expect));
  KTAPE_TRY(print(options.tape, found));
  if (options.salvage.empty()) return integrity_code(found.integrity);
  if (found.integrity == Integrity::kIntact) {
    return Error{ErrorCode::kUsage,
                 in_quotes(options.tape) + " is intact: there is nothing to salvage", ""};
  }
  KTAPE_ASSIGN(Verification made, salvage(options.tape, options.salvage));
  KTAPE_TRY(print(options.salvage, made));
  return ExitCode::kGood;
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  ktape::Program program(ktape::kProgram, ktape::kHelp, ktape::kFooter);
  ktape::Options options;
  program.add("TAPE", options.tape, "A tape, or the .partial left by a recorder").required();
  program.add("--expect", options.expect, "The head digest that the recorder printed")
      .value_name("DIGEST");
  program
      .add("--salvage", options.salvage,
           "Make one file from what a dead recorder left, marked truncated unless it is "
           "complete; TAPE is not changed")
      .value_name("OUT");
  return program.run(argc, argv, [&] { return ktape::run(options); });
}
