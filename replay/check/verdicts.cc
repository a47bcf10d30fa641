// SPDX-License-Identifier: Apache-2.0
#include "replay/check/verdicts.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "replay/check/ktap.h"
#include "schema/base/file.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

// 3 of "and 3 more", else 1.
size_t findings_told(std::string_view text) {
  constexpr std::string_view kAnd = "and ";
  size_t count = 0;
  if (!text.starts_with(kAnd)) return 1;
  text.remove_prefix(kAnd.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const bool is_count =
      error == std::errc() && std::string_view(end, text.data() + text.size()) == " more";
  return is_count ? count : 1;
}

constexpr size_t kFindingsKept = 128;  // more than any of our assertions prints

// At most so many, and how many there are besides.
std::vector<std::string> first_findings(std::string_view subtest) {
  std::vector<std::string> findings = findings_in(subtest);
  if (findings.size() <= kFindingsKept) return findings;
  const size_t more = findings.size() - kFindingsKept;
  findings.resize(kFindingsKept);
  findings.push_back("and " + std::to_string(more) + " more");
  return findings;
}

bool is_in(const std::string& program, const std::vector<std::string>& folders) {
  std::string folder = std::filesystem::path(program).parent_path().lexically_normal();
  return std::ranges::any_of(folders, [&](const std::string& one) {
    std::filesystem::path normal = std::filesystem::path(one + "/").lexically_normal();
    return normal.parent_path() == folder;
  });
}

}  // namespace

Result<AskedAssertions> find_asked_assertions(const AssertionOptions& options) {
  std::vector<std::string> folders = options.folders;
  KTAPE_ASSIGN(std::string own_folder, executable_folder());
  // After the user's folders, which may replace an assertion of ours.
  folders.push_back(own_folder);
  KTAPE_ASSIGN(FoundAssertions found, find_assertions(folders, path_folders()));
  AskedAssertions asked;
  KTAPE_ASSIGN(asked.runs, choose_runs(found, options.choice));
  if (asked.runs.empty()) {
    return Error{ErrorCode::kHost,
                 "there is no program ktape-assert-* in " + in_quotes(own_folder) + " or on PATH",
                 "name their folder with --analyzers DIR"};
  }
  asked.all = options.choice.only.empty();
  for (const AssertionRun& run : asked.runs) {
    // Who gives arguments or a folder means that assertion, too.
    bool named = !options.choice.only.empty() || run.required || !run.arguments.empty() ||
                 is_in(run.program, options.folders);
    if (named) asked.named.push_back(printable(run.label()));
  }
  return asked;
}

Result<CheckedTape> inspect_readable(const std::string& path) {
  CheckedTape tape = inspect_tape(path);
  if (!tape.refused) return tape;
  std::string what =
      tape.integrity == "altered" ? in_quotes(path) + " is altered: " + tape.finding : tape.finding;
  return Error{ErrorCode::kBadInput, what, tape.hint};
}

Verdicts run_assertions(const CheckedTape& tape, const AskedAssertions& asked) {
  CheckLimits limits;
  limits.jobs = std::max(1u, std::thread::hardware_concurrency());
  Verdicts verdicts;
  std::vector<CheckedTape> tapes = {tape};
  if (asked.all) find_missing(tapes.front(), asked.runs);
  check_tapes(tapes, asked.runs, limits, [&](const CheckStep& step) {
    if (step.run == nullptr) return true;
    std::string label = printable(step.run->label());
    bool named = std::ranges::find(asked.named, label) != asked.named.end();
    verdicts[label] = {step.checked.result, first_findings(step.checked.text), named};
    return true;
  });
  return verdicts;
}

FindingCounts count_findings(const std::vector<std::string>& findings) {
  FindingCounts counts;
  const std::pair<std::string_view, size_t FindingCounts::*> kSorts[] = {
      // The empty lead, at the end, takes what no other took.
      {"violated, ", &FindingCounts::violated},
      {"undecided, ", &FindingCounts::undecided},
      {"note, ", &FindingCounts::notes},
      {"", &FindingCounts::other},
  };
  for (const std::string_view finding : findings) {
    for (const auto& [lead, sort] : kSorts) {
      if (!finding.starts_with(lead)) continue;
      counts.*sort += findings_told(finding.substr(lead.size()));
      break;
    }
  }
  return counts;
}

}  // namespace ktape
