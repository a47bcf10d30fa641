// SPDX-License-Identifier: Apache-2.0
#include "replay/check/check.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "replay/check/ktap.h"
#include "replay/check/verdict_words.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

// Names shown in the summary; the results above it have all of them.
constexpr size_t kNamesShown = 20;

CheckResult error_result(ExitCode code, std::string reason) {
  return {CheckResult::Kind::kError, code, std::move(reason)};
}

ExitCode code_of(const KtapResults& results) {
  if (results.failed > 0) return ExitCode::kViolated;
  return results.passed > 0 ? ExitCode::kGood : ExitCode::kInconclusive;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < kNamesShown; ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamesShown) text += fmt::format(" and {} more", names.size() - kNamesShown);
  return text;
}

// Whether a program that ended with kUsage says in KTAP that it lacks arguments.
bool lacks_arguments(const std::string& output) {
  Result<KtapResults> results = read_ktap(output);
  return results.ok() && results->passed == 0 && results->failed == 0;
}

// " # why", or nothing. A reason that begins like a directive would be taken for one.
std::string after_hash(const std::string& why) {
  if (why.empty()) return "";
  std::string begin = why.substr(0, 5);
  for (char& c : begin) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const bool like_one =
      begin.starts_with("skip") || begin.starts_with("todo") || begin.starts_with("time=");
  return (like_one ? " # violated, " : " # ") + ktap_reason(why);
}

// " # XFAIL why"
std::string directive(const char* name, const std::string& why) {
  return fmt::format(" # {}{}{}", name, why.empty() ? "" : " ", ktap_reason(why));
}

}  // namespace

CheckResult result_of_child(const ChildResult& child) {
  if (!child.stopped.empty()) return error_result(ExitCode::kHost, child.stopped);
  if (child.signal != 0) {
    return error_result(ExitCode::kHost, fmt::format("killed by signal {} ({})", child.signal,
                                                     ::strsignal(child.signal)));
  }
  auto code = static_cast<ExitCode>(child.exit_status);
  // Such an assertion prints no KTAP, so its output is not looked at.
  if (code == ExitCode::kBadInput) return error_result(code, "cannot use the tape");
  if (code == ExitCode::kUsage && lacks_arguments(child.output)) {
    return {CheckResult::Kind::kNotAsked, ExitCode::kGood, read_ktap(child.output)->skip_reason};
  }
  if (code != ExitCode::kGood && code != ExitCode::kViolated && code != ExitCode::kInconclusive) {
    return error_result(ExitCode::kHost,
                        fmt::format("ended with exit status {}", child.exit_status));
  }
  Result<KtapResults> results = read_ktap(child.output);
  if (!results.ok()) return error_result(ExitCode::kHost, results.error().message);
  if (code_of(*results) != code) {
    return error_result(
        ExitCode::kHost,
        fmt::format("exit status {} and KTAP ({} passed, {} failed, {} skipped) disagree",
                    child.exit_status, results->passed, results->failed, results->skipped));
  }
  if (code == ExitCode::kGood) return {CheckResult::Kind::kPassed, code, ""};
  if (code == ExitCode::kViolated) return {CheckResult::Kind::kViolated, code, results->failure};
  return {CheckResult::Kind::kInconclusive, code, results->skip_reason};
}

CheckResult required(CheckResult result) {
  bool open = result.kind == CheckResult::Kind::kInconclusive ||
              result.kind == CheckResult::Kind::kNotAsked;
  if (!open) return result;
  return {CheckResult::Kind::kViolated, ExitCode::kViolated, "required, but " + result.reason};
}

std::string result_line(size_t number, const std::string& name, const CheckResult& result) {
  std::string test = fmt::format("{} {}", number, ktap_name(name));
  const std::string& why = result.reason;
  switch (result.kind) {
    case CheckResult::Kind::kPassed: return fmt::format("ok {}\n", test);
    case CheckResult::Kind::kViolated: return fmt::format("not ok {}{}\n", test, after_hash(why));
    case CheckResult::Kind::kXfail: return fmt::format("ok {}{}\n", test, directive("XFAIL", why));
    case CheckResult::Kind::kXpass:
      return fmt::format("not ok {}{}\n", test, directive("XPASS", why));
    case CheckResult::Kind::kNotAsked:
    case CheckResult::Kind::kInconclusive:
      return fmt::format("ok {}{}\n", test, directive("SKIP", why));
    case CheckResult::Kind::kError: break;
  }
  return fmt::format("not ok {}{}\n", test, directive("ERROR", why));
}

void CheckSummary::add(const std::string& name, const CheckResult& result) {
  code_ = worst(code_, result.code);
  switch (result.kind) {
    case CheckResult::Kind::kPassed: ++passed_; break;
    case CheckResult::Kind::kViolated: violated_.push_back(printable(name)); break;
    case CheckResult::Kind::kXfail: xfailed_.push_back(printable(name)); break;
    case CheckResult::Kind::kXpass: xpassed_.push_back(printable(name)); break;
    case CheckResult::Kind::kInconclusive: inconclusive_.push_back(printable(name)); break;
    case CheckResult::Kind::kNotAsked:
      ++not_asked_runs_;
      if (std::ranges::find(not_asked_, printable(name)) == not_asked_.end())
        not_asked_.push_back(printable(name));
      break;
    case CheckResult::Kind::kError: errors_.push_back(printable(name)); break;
  }
}

void CheckSummary::add_losses(const std::string& tape, const std::string& losses) {
  if (!losses.empty()) losses_.push_back(fmt::format("{} ({})", printable(tape), losses));
}

size_t CheckSummary::decided() const {
  return passed_ + violated_.size() + xfailed_.size() + xpassed_.size() + inconclusive_.size() +
         errors_.size();
}

ExitCode CheckSummary::code() const {
  return decided() == 0 && not_asked_runs_ > 0 ? ExitCode::kInconclusive : code_;
}

std::string CheckSummary::verdicts() const {
  using Kind = CheckResult::Kind;
  const std::pair<Kind, const std::vector<std::string>*> kLists[] = {
      {Kind::kViolated, &violated_},  {Kind::kXpass, &xpassed_},
      {Kind::kXfail, &xfailed_},      {Kind::kInconclusive, &inconclusive_},
      {Kind::kNotAsked, &not_asked_}, {Kind::kError, &errors_},
  };
  std::string out = fmt::format("{} of {} assertions passed", passed_, decided());
  for (const auto& [kind, names] : kLists) {
    if (!names->empty()) out += fmt::format("; {}: {}", words_of(kind).phrase, joined(*names));
  }
  return out;
}

std::string CheckSummary::losses() const { return losses_.empty() ? "none" : joined(losses_); }

std::string CheckSummary::text() const {
  return fmt::format(
      "# {}\n# losses: {}\n# Totals: pass:{} fail:{} xfail:{} xpass:{} skip:{} error:{}\n",
      verdicts(), losses(), passed_, violated_.size(), xfailed_.size(), xpassed_.size(), skipped(),
      errors_.size());
}

}  // namespace ktape
