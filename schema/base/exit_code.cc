// SPDX-License-Identifier: Apache-2.0
#include "schema/base/exit_code.h"

#include "schema/base/text.h"

namespace ktape {

namespace {

int severity(ExitCode code) {
  // An input that cannot be read hides all other results, and a host that failed hides verdicts:
  // the worse one is reported.
  switch (code) {
    case ExitCode::kGood: return 0;
    case ExitCode::kInconclusive: return 1;
    case ExitCode::kViolated: return 2;
    case ExitCode::kUsage: return 3;
    case ExitCode::kHost: return 4;
    case ExitCode::kBadInput: return 5;
  }
  return 5;
}

// The sentence on one line, without characters that a terminal interprets: a file name, or text
// from a file, may contain them. Quoted parts may have been through printable() already, so a
// backslash is kept as it is.
std::string safe_line(std::string_view sentence) {
  std::string line;
  for (;;) {
    const size_t end = sentence.find('\\');
    line += printable(sentence.substr(0, end));
    if (end == std::string_view::npos) return line;
    line += '\\';
    sentence.remove_prefix(end + 1);
  }
}

}  // namespace

ExitCode exit_code(const Error& error) {
  switch (error.code) {
    case ErrorCode::kUsage: return ExitCode::kUsage;
    case ErrorCode::kBadInput:
    case ErrorCode::kNotFound:
    case ErrorCode::kOutOfRange:
    case ErrorCode::kRefused: return ExitCode::kBadInput;
    case ErrorCode::kNotApplicable: return ExitCode::kInconclusive;
    case ErrorCode::kHost:
    case ErrorCode::kMachineLost:
    // A bug in ktape, too: the tape is not to blame.
    case ErrorCode::kInternal: return ExitCode::kHost;
  }
  return ExitCode::kHost;
}

ExitCode worst(ExitCode a, ExitCode b) { return severity(a) >= severity(b) ? a : b; }

std::string describe(std::string_view program, const Error& error) {
  std::string text = std::string(program) + ": " + safe_line(error.message) + "\n";
  if (!error.hint.empty()) text += "hint: " + safe_line(error.hint) + "\n";
  return text;
}

}  // namespace ktape
