// SPDX-License-Identifier: Apache-2.0
#include "replay/check/check_run.h"

#include <algorithm>

#include "replay/check/in_order.h"
#include "replay/check/ktap.h"
#include "schema/base/child.h"
#include "schema/base/digest.h"
#include "schema/base/text.h"
#include "schema/tape/verify/verify.h"

namespace ktape {

namespace {

CheckResult refusal(ExitCode code, std::string reason) {
  return {CheckResult::Kind::kError, code, std::move(reason)};
}

// A tape whose name looks like an option is still a file.
std::string as_argument(const std::string& path) {
  return path.starts_with('-') ? "./" + path : path;
}

CheckedRun run_assertion(const AssertionRun& run, const CheckedTape& tape,
                         const CheckLimits& limits) {
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::string> arguments = {as_argument(tape.path)};
  arguments.insert(arguments.end(), run.arguments.begin(), run.arguments.end());
  ChildOptions options{limits.output_bytes, limits.error_bytes, limits.time, limits.interrupt_fd};
  // The deadline is for each assertion by itself, so one that hangs does not take the time of
  // others.
  Result<ChildResult> child = run_child(run.program, arguments, options);
  const auto lasted = std::chrono::steady_clock::now() - began;
  if (!child.ok()) return {refusal(ExitCode::kHost, printable(child.error().message)), "", lasted};
  CheckedRun checked{result_of_child(*child), "", lasted};
  // What it lacks is in its KTAP; its usage message on standard error is for its caller.
  bool asked = checked.result.kind != CheckResult::Kind::kNotAsked;
  checked.text = as_subtest(run.label(), child->output, asked ? child->errors : "");
  checked.result = as_expected(tape.expected, run.name, std::move(checked.result), checked.text);
  // After its own verdict: --require turns an undecided result into an error.
  if (run.required) checked.result = required(std::move(checked.result));
  checked.result.reason = bounded(checked.result.reason, kSaidBytes);
  return checked;
}

CheckedRun not_there() {
  return {{CheckResult::Kind::kInconclusive, ExitCode::kInconclusive,
           "the scenario expects it to fail, but there is no such assertion: name its folder with "
           "--analyzers"},
          "",
          {}};
}

CheckedRun checked(const CheckedTape& tape, const AssertionRun* run, const CheckLimits& limits) {
  if (run == nullptr) return {*tape.refused, "", {}};
  return run->program.empty() ? not_there() : run_assertion(*run, tape, limits);
}

CheckedTape unreadable(CheckedTape tape, const Error& error) {
  tape.integrity = "unreadable";
  tape.losses = "not known: the tape cannot be read";
  tape.finding = printable(error.message);
  tape.hint = error.hint;
  tape.refused = refusal(exit_code(error), tape.finding);
  return tape;
}

Result<Expectations> expectations_of(const std::string& path) {
  KTAPE_ASSIGN(auto tape, TapeReader::open(path));
  return read_expectations(*tape);
}

}  // namespace

CheckedTape inspect_tape(const std::string& path) {
  CheckedTape tape;
  tape.path = path;
  Result<Verification> found = verify(path, std::nullopt);
  if (!found.ok()) return unreadable(std::move(tape), found.error());
  tape.integrity = integrity_name(found->integrity);
  tape.finding = printable(found->finding);
  tape.losses = found->losses.text();
  tape.lossless = found->losses.known() && found->losses.losses().empty();
  // The assertions would refuse it as well, each with the same sentence.
  if (found->integrity == Integrity::kAltered) {
    tape.refused = refusal(ExitCode::kBadInput, "the tape is altered: " + tape.finding);
    return tape;
  }
  Result<Expectations> expected = expectations_of(path);
  if (!expected.ok()) return unreadable(std::move(tape), expected.error());
  tape.expected = std::move(*expected);
  tape.head = to_hex(found->head);
  return tape;
}

void find_missing(CheckedTape& tape, const std::vector<AssertionRun>& runs) {
  const auto named = [](const std::string& name) {
    return [&name](const AssertionRun& run) { return run.name == name; };
  };
  for (const auto& failure : tape.expected.failures) {
    const std::string& name = failure.assertion;
    if (std::ranges::none_of(runs, named(name)) && std::ranges::none_of(tape.missing, named(name)))
      tape.missing.push_back({name, "", {}, false});
  }
}

std::vector<CheckedTape> inspect_tapes(const std::vector<std::string>& paths,
                                       const CheckLimits& limits,
                                       const std::function<void(size_t)>& inspected) {
  std::vector<CheckedTape> tapes;
  in_order<CheckedTape>(
      paths.size(), limits.jobs, [&](size_t i) { return inspect_tape(paths[i]); },
      [&](size_t, CheckedTape tape) {
        tapes.push_back(std::move(tape));
        inspected(tapes.size());
        return true;
      });
  return tapes;
}

void check_tapes(const std::vector<CheckedTape>& tapes, const std::vector<AssertionRun>& runs,
                 const CheckLimits& limits, const std::function<bool(const CheckStep&)>& take) {
  struct Piece {
    const CheckedTape* tape;
    const AssertionRun* run;
  };
  std::vector<Piece> pieces;
  for (const auto& tape : tapes) {
    if (tape.refused) pieces.push_back({&tape, nullptr});
    if (tape.refused) continue;
    for (const auto& run : runs) pieces.push_back({&tape, &run});
    for (const auto& run : tape.missing) pieces.push_back({&tape, &run});
  }
  in_order<CheckedRun>(
      pieces.size(), limits.jobs,
      [&](size_t i) { return checked(*pieces[i].tape, pieces[i].run, limits); },
      [&](size_t i, CheckedRun done) {
        return take({*pieces[i].tape, pieces[i].run, std::move(done)});
      });
}

}  // namespace ktape
