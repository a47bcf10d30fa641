// SPDX-License-Identifier: Apache-2.0
#include "replay/check/expectations.h"

#include <fmt/format.h>

#include <algorithm>

#include "replay/check/ktap.h"
#include "schema/base/text.h"
#include "schema/scenario/expected_failures.h"

namespace ktape {

namespace {

using Kind = CheckResult::Kind;
constexpr std::string_view kViolated = "violated, ";

Result<void> take(const schema::Scenario::Reader& scenario, Expectations& found) {
  const auto listed = scenario.getExpect();
  if (listed.size() > kMaxExpectedFailures) {
    found.ignored = fmt::format("the scenario lists {} expected failures; the limit is {}",
                                listed.size(), kMaxExpectedFailures);
    return {};
  }
  for (const auto& one : listed) {
    const std::string_view name = chars(one.getAssertion());
    const std::string_view match = chars(one.getMatch());
    if (name.size() > kMaxExpectedBytes || match.size() > kMaxExpectedBytes) {
      found = {{},
               fmt::format("a text among the scenario's expected failures has more than {} "
                           "bytes",
                           kMaxExpectedBytes)};
      return {};
    }
    found.failures.push_back({std::string(name), std::string(match)});
  }
  return {};
}

// The failures that an assertion tells, as it prints them; of one that does not print them as ours
// do, its reason, or else all that it says.
std::vector<std::string> failures_in(std::string_view subtest, const std::string& reason) {
  std::vector<std::string> said = said_in(subtest);
  std::vector<std::string> failures;
  for (const std::string& line : said) {
    if (line.starts_with(kViolated)) failures.push_back(line.substr(kViolated.size()));
  }
  if (!failures.empty()) return failures;
  std::string all = reason;
  for (const std::string& line : said) all += "\n" + line;
  return {all};
}

std::string texts_of(const std::vector<std::string>& matches) {
  std::string text;
  for (const std::string& match : matches) text += (text.empty() ? "" : " or ") + in_quotes(match);
  return text;
}

// " with 'failed to run for'"; nothing if any failure is expected.
std::string with_texts(const std::vector<std::string>& matches) {
  const bool any = std::ranges::find(matches, "") != matches.end();
  return any ? "" : " with " + texts_of(matches);
}

}  // namespace

Result<Expectations> read_expectations(const TapeReader& tape) {
  Expectations found;
  Result<void> read = tape.at(Seq(1), [&](const RecordView& view) -> Result<void> {
    if (!view.known || !view.record.isRunStarted()) return {};
    return take(view.record.getRunStarted().getScenario(), found);
  });
  if (!read.ok() && read.error().code != ErrorCode::kNotFound) return read.error();
  return found;
}

CheckResult as_expected(const Expectations& expected, const std::string& assertion,
                        CheckResult result, std::string_view subtest) {
  std::vector<std::string> matches;
  for (const Expectations::Failure& failure : expected.failures) {
    if (failure.assertion == assertion) matches.push_back(failure.match);
  }
  if (matches.empty()) return result;
  if (result.kind == Kind::kPassed) {
    return {Kind::kXpass, ExitCode::kViolated,
            "passed, but the scenario expects a failure" + with_texts(matches)};
  }
  if (result.kind != Kind::kViolated) return result;
  const auto is_expected = [&](const std::string& failure) {
    return std::ranges::any_of(matches, [&](const std::string& match) {
      return failure.find(match) != std::string::npos;
    });
  };
  const std::vector<std::string> failures = failures_in(subtest, result.reason);
  const auto other = std::ranges::find_if_not(failures, is_expected);
  if (other == failures.end()) return {Kind::kXfail, ExitCode::kGood, result.reason};
  std::string& reason = result.reason;
  if (other->starts_with("and ")) {  // "and 3 more"
    reason += ", " + *other + " that it does not tell";
  } else if (other->find('\n') == std::string::npos) {
    reason = *other;
  }
  reason +=
      (reason.empty() ? "" : "; ") + ("the scenario expects a failure with " + texts_of(matches));
  return result;
}

}  // namespace ktape
