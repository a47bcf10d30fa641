// SPDX-License-Identifier: Apache-2.0
#include "replay/check.h"

#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>

#include "replay/ktap.h"
#include "schema/base/nearest.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr std::string_view kPrefix = "ktape-assert-";

CheckResult error_result(ExitCode code, std::string reason) {
  return {CheckResult::Kind::kError, code, std::move(reason)};
}

ExitCode code_of(const KtapResults& results) {
  if (results.failed > 0) return ExitCode::kViolated;
  return results.passed > 0 ? ExitCode::kGood : ExitCode::kInconclusive;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// In KTAP a '#' begins a directive.
std::string without_hash(std::string text) {
  for (size_t at = text.find('#'); at != std::string::npos; at = text.find('#', at + 2))
    text.insert(at, "\\");
  return text;
}

}  // namespace

Result<Analyzers> find_analyzers(const std::vector<std::string>& folders) {
  Analyzers analyzers;
  for (const auto& folder : folders) {
    std::error_code error;
    std::filesystem::directory_iterator entries(folder, error);
    if (error)
      return system_error(ErrorCode::kHost, "cannot read the folder " + in_quotes(folder), error.value());
    for (const auto& entry : entries) {
      std::string file = entry.path().filename().string();
      bool program = file.size() > kPrefix.size() && file.starts_with(kPrefix) &&
                     entry.is_regular_file(error) && ::access(entry.path().c_str(), X_OK) == 0;
      if (program) analyzers.emplace(file.substr(kPrefix.size()), entry.path().string());
    }
  }
  return analyzers;
}

Result<Analyzers> chosen_analyzers(const Analyzers& analyzers, const std::vector<std::string>& names) {
  if (names.empty()) return analyzers;
  Analyzers chosen;
  std::vector<std::string> all;
  for (const auto& [name, path] : analyzers) all.push_back(name);
  for (const auto& name : names) {
    auto it = analyzers.find(name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name);
    if (it == analyzers.end()) {
      std::string hint = did_you_mean(name, all);
      return Error{ErrorCode::kUsage, "there is no analyzer " + in_quotes(name),
                   hint.empty() ? "ktape check --list names them" : hint};
    }
    chosen.insert(*it);
  }
  return chosen;
}

CheckResult judge_child(const ChildResult& child) {
  if (child.signal != 0) {
    return error_result(ExitCode::kHost, fmt::format("it was killed by signal {} ({})", child.signal,
                                                     ::strsignal(child.signal)));
  }
  auto code = static_cast<ExitCode>(child.exit_status);
  if (code == ExitCode::kBadInput) return error_result(code, "it cannot use the tape");
  if (code != ExitCode::kGood && code != ExitCode::kViolated && code != ExitCode::kInconclusive) {
    return error_result(ExitCode::kHost, fmt::format("it ended with exit status {}", child.exit_status));
  }
  Result<KtapResults> results = read_ktap(child.output);
  if (!results.ok()) return error_result(ExitCode::kHost, results.error().message);
  if (code_of(*results) != code) {
    return error_result(
        ExitCode::kHost,
        fmt::format("its exit status {} and its KTAP ({} passed, {} failed, {} skipped) disagree",
                    child.exit_status, results->passed, results->failed, results->skipped));
  }
  if (code == ExitCode::kGood) return {CheckResult::Kind::kPassed, code, ""};
  if (code == ExitCode::kViolated) return {CheckResult::Kind::kViolated, code, ""};
  return {CheckResult::Kind::kInconclusive, code, results->skip_reason};
}

std::string result_line(size_t number, const std::string& name, const CheckResult& result) {
  std::string test = fmt::format("{} {}", number, without_hash(printable(name)));
  switch (result.kind) {
    case CheckResult::Kind::kPassed: return fmt::format("ok {}\n", test);
    case CheckResult::Kind::kViolated: return fmt::format("not ok {}\n", test);
    case CheckResult::Kind::kInconclusive: return fmt::format("ok {} # SKIP {}\n", test, result.reason);
    case CheckResult::Kind::kError: break;
  }
  return fmt::format("not ok {} # ERROR {}\n", test, result.reason);
}

void CheckSummary::add(const std::string& name, const CheckResult& result) {
  code_ = worst(code_, result.code);
  switch (result.kind) {
    case CheckResult::Kind::kPassed: ++passed_; break;
    case CheckResult::Kind::kViolated: violated_.push_back(printable(name)); break;
    case CheckResult::Kind::kInconclusive: inconclusive_.push_back(printable(name)); break;
    case CheckResult::Kind::kError: errors_.push_back(printable(name)); break;
  }
}

std::string CheckSummary::text() const {
  size_t all = passed_ + violated_.size() + inconclusive_.size() + errors_.size();
  std::string out = fmt::format("# {} of {} assertions passed", passed_, all);
  if (!violated_.empty()) out += "; violated: " + joined(violated_);
  if (!inconclusive_.empty()) out += "; inconclusive: " + joined(inconclusive_);
  if (!errors_.empty()) out += "; error: " + joined(errors_);
  return out + fmt::format("\n# Totals: pass:{} fail:{} xfail:0 xpass:0 skip:{} error:{}\n", passed_,
                           violated_.size(), inconclusive_.size(), errors_.size());
}

}  // namespace ktape
