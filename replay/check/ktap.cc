// SPDX-License-Identifier: Apache-2.0
#include "replay/check/ktap.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "schema/base/text.h"

namespace ktape {

namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

// The line unchanged, unless it would act on a terminal.
std::string safe_line(std::string_view line) {
  // printable() doubles backslashes; a line that differs from it only by them is safe as it is.
  std::string doubled;
  for (char c : line) doubled += c == '\\' ? std::string("\\\\") : std::string(1, c);
  std::string safe = printable(line);
  return safe == doubled ? std::string(line) : safe;
}

bool is_version(std::string_view line) {
  return line.starts_with("KTAP version ") || line.starts_with("TAP version ");
}

Error not_ktap(std::string why) { return Error{ErrorCode::kBadInput, std::move(why), ""}; }

// "1..N"
std::optional<size_t> plan_of(std::string_view line) {
  if (!line.starts_with("1..")) return std::nullopt;
  line.remove_prefix(3);
  size_t count = 0;
  auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), count);
  // "1..N # SKIP reason" is a plan, too.
  bool only_number = end == line.data() + line.size() || *end == ' ';
  if (error != std::errc() || !only_number) return std::nullopt;
  return count;
}

bool starts_result(std::string_view line, std::string_view word) {
  return line == word || line.starts_with(std::string(word) + " ");
}

void count_result(std::string_view line, KtapResults& results) {
  if (starts_result(line, "not ok")) {
    ++results.failed;
    return;
  }
  // A skip is no pass: an inconclusive assertion must not look like one that was met.
  size_t skip = line.find("# SKIP");
  if (skip == std::string_view::npos) {
    ++results.passed;
    return;
  }
  std::string_view reason = line.substr(skip + 6);
  if (reason.starts_with(" ")) reason.remove_prefix(1);
  if (results.skipped++ == 0) results.skip_reason = safe_line(reason);
}

void take_failure(std::string_view line, KtapResults& results) {
  constexpr std::string_view kLead = "# violated, ";
  if (results.failure.empty() && line.starts_with(kLead)) {
    results.failure = safe_line(line.substr(kLead.size()));
  }
}

std::string hex_escape(char c) { return fmt::format("\\x{:02x}", static_cast<unsigned>(c)); }

}  // namespace

Result<KtapResults> read_ktap(std::string_view text) {
  std::vector<std::string_view> lines = lines_of(text);
  if (lines.empty() || !is_version(lines.front()))
    return not_ktap("the output is not KTAP: it does not begin with 'KTAP version 1'");
  KtapResults results;
  std::optional<size_t> plan;
  // Only the top level counts: lines of subtests are indented, so they begin with none of these
  // words.
  for (std::string_view line : lines) {
    if (line.starts_with("Bail out!")) return not_ktap("bailed out: " + printable(line.substr(9)));
    if (auto count = plan_of(line)) plan = count;
    take_failure(line, results);
    if (starts_result(line, "ok") || starts_result(line, "not ok")) count_result(line, results);
  }
  if (!plan) return not_ktap("the KTAP has no plan");
  size_t given = results.passed + results.failed + results.skipped;
  // A program that died in the middle has printed fewer results than it planned.
  if (given != *plan)
    return not_ktap(fmt::format("planned {} results and printed {}", *plan, given));
  if (given == 0) return not_ktap("printed no result");
  return results;
}

std::string as_subtest(std::string_view name, std::string_view text, std::string_view errors) {
  std::vector<std::string_view> lines = lines_of(text);
  bool ktap = !lines.empty() && is_version(lines.front());
  std::string out;
  for (const std::string_view& line : lines) {
    out += ktap ? fmt::format("  {}\n", safe_line(line)) : fmt::format("  # {}\n", printable(line));
    if (ktap && &line == &lines.front()) out += fmt::format("  # Subtest: {}\n", safe_line(name));
  }
  for (std::string_view line : lines_of(errors))
    out += fmt::format("  # stderr: {}\n", safe_line(line));
  return out;
}

std::string ktap_name(std::string_view name) {
  const std::string safe = printable(name);
  std::string out;
  for (size_t i = 0; i < safe.size(); ++i) {
    const bool outer = i == 0 || i + 1 == safe.size();
    // kunit.py ends a name at '#', strips blanks and a leading "- " or ":- "; node's tap-parser
    // reads a trailing '{' as the beginning of a block.
    const bool special = safe[i] == '#' || (outer && (safe[i] == ' ' || safe[i] == '{')) ||
                         (i == 0 && (safe.starts_with("- ") || safe.starts_with(":- ")));
    out += special ? hex_escape(safe[i]) : safe.substr(i, 1);
  }
  return out;
}

std::string ktap_reason(std::string_view why) {
  std::string out;
  // kunit.py takes " # SKIP" anywhere for a directive.
  for (const char& c : why) {
    const bool special = c == '#' || (c == '{' && &c == &why.back());
    out += special ? hex_escape(c) : std::string(1, c);
  }
  return out;
}

std::string as_diagnostics(std::string_view subtest) {
  std::string out;
  bool one_result = false;
  for (std::string_view line : lines_of(subtest)) {
    line.remove_prefix(std::min<size_t>(2, line.size()));
    const std::optional<size_t> plan = plan_of(line);
    if (plan) one_result = *plan == 1;
    const bool result = starts_result(line, "ok") || starts_result(line, "not ok");
    if (line.empty() || is_version(line) || plan || line.starts_with("# Subtest: ") ||
        (result && one_result)) {
      continue;
    }
    out += line.starts_with("# ") ? "" : "# ";
    out += bounded(line, kSaidBytes) + "\n";
  }
  return out;
}

std::vector<std::string> said_in(std::string_view subtest) {
  constexpr std::string_view kElsewhere[] = {"Subtest: ", "tape: ", "losses: ", "lost: "};
  std::vector<std::string> said;
  bool one_result = false;
  for (std::string_view line : lines_of(subtest)) {
    line.remove_prefix(std::min<size_t>(2, line.size()));
    if (line == "1..1") one_result = true;
    if (line.starts_with("not ok") && !one_result) said.emplace_back(line);
    if (!line.starts_with("# ")) continue;
    line.remove_prefix(2);
    if (std::ranges::none_of(kElsewhere, [&](auto lead) { return line.starts_with(lead); }))
      said.emplace_back(line);
  }
  return said;
}

std::vector<std::string> findings_in(std::string_view subtest) {
  std::vector<std::string> findings = said_in(subtest);
  for (std::string& line : findings) line = bounded(line, kSaidBytes);
  return findings;
}

}  // namespace ktape
