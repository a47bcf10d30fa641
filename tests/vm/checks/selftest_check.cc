// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/selftest_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <regex>
#include <sstream>

namespace ktape::test {

namespace {

constexpr uint64_t kStall = 1026;  // SCX_EXIT_ERROR_STALL

enum class TestResult { kNotSaid, kOk, kNotOk, kSkipped };

// The runner's results of its tests, one line each. They are mixed with the output of other
// processes; children of the runner repeat lines that were not flushed when they were forked.
std::map<std::string, TestResult> results_in(const std::string& output) {
  static const std::regex kLine("(not ok|ok) [0-9]+ ([a-z_]+) # (SKIP )?");
  std::map<std::string, TestResult> results;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, kLine)) continue;
    results[match[2]] = match[3].matched   ? TestResult::kSkipped
                        : match[1] == "ok" ? TestResult::kOk
                                           : TestResult::kNotOk;
  }
  return results;
}

struct Said {
  std::string name, what;
  friend bool operator==(const Said&, const Said&) = default;
};

// The kernel's lines `sched_ext: BPF scheduler "NAME" VERB WHAT`.
std::vector<Said> said_on_console(const std::string& console, const std::string& verb) {
  const std::regex line("sched_ext: BPF scheduler \"([^\"]*)\" " + verb + "(?: \\(([^)]*)\\))?");
  std::vector<Said> said;
  for (std::sregex_iterator at(console.begin(), console.end(), line), end; at != end; ++at)
    said.push_back({(*at)[1], (*at)[2]});
  return said;
}

std::string text_of(const Said& said) {
  return said.name + (said.what.empty() ? "" : " (" + said.what + ")");
}

class Check {
 public:
  Check(const SelftestRun& run, const std::vector<ExpectedTest>& expected)
      : run_(run), expected_(expected), results_(results_in(run.output)) {}

  SelftestFindings findings() {
    check_count();
    std::vector<Said> enabled, ended;
    for (const TapeScheduler& scheduler : run_.schedulers) {
      if (scheduler.enabled)
        enabled.push_back({scheduler.name, scheduler.partial ? "partial" : ""});
      if (scheduler.exited) ended.push_back({scheduler.name, scheduler.reason});
    }
    check_console("enabled", enabled);
    check_console("disabled", ended);
    for (const ExpectedTest& test : expected_) check_test(test);
    if (next_ != run_.schedulers.size()) wrong("'{}' is of no test", run_.schedulers[next_].name);
    check_totals();
    return std::move(findings_);
  }

 private:
  template <typename... Parts>
  void wrong(fmt::format_string<const Parts&...> format, const Parts&... parts) {
    findings_.wrong.push_back(fmt::format(format, parts...));
  }
  template <typename... Parts>
  void slow(fmt::format_string<const Parts&...> format, const Parts&... parts) {
    findings_.slow.push_back(fmt::format(format, parts...));
  }

  void check_count() {
    const auto enabled = [](const TapeScheduler& scheduler) { return scheduler.enabled; };
    const auto count = std::count_if(run_.schedulers.begin(), run_.schedulers.end(), enabled);
    if (static_cast<uint64_t>(count) != run_.enable_seq)
      wrong("the kernel has enabled {} schedulers, the tape {}", run_.enable_seq, count);
  }

  void check_console(const std::string& verb, const std::vector<Said>& on_tape) {
    const std::vector<Said> said = said_on_console(run_.console, verb);
    const auto [theirs, ours] =
        std::mismatch(said.begin(), said.end(), on_tape.begin(), on_tape.end());
    if (theirs == said.end() && ours == on_tape.end()) return;
    wrong("{} number {}: the console has {}, the tape {}", verb, theirs - said.begin() + 1,
          theirs == said.end() ? "none" : text_of(*theirs),
          ours == on_tape.end() ? "none" : text_of(*ours));
  }

  void check_test(const ExpectedTest& test) {
    const std::vector<TapeScheduler> got = take(test);
    const bool stalled = std::any_of(got.begin(), got.end(), [&](const TapeScheduler& scheduler) {
      return scheduler.kind == kStall && watched_closely(test);
    });
    check_result(test, stalled);
    if (test.again_and_again) {
      if (got.empty()) wrong("{}: no scheduler", test.name);
      for (const TapeScheduler& scheduler : got)
        check_scheduler(test, scheduler, test.schedulers.front());
      return;
    }
    for (size_t i = 0; i < std::min(got.size(), test.schedulers.size()); ++i)
      check_scheduler(test, got[i], test.schedulers[i]);
    // A test that fails, because its scheduler was ejected for another reason, skips the rest of
    // its schedulers.
    if (got.size() == test.schedulers.size() || (stalled && got.size() < test.schedulers.size()))
      return;
    wrong("{}: {} schedulers, expected {}", test.name, got.size(), test.schedulers.size());
  }

  // The next schedulers of the tape that have the name of one of the test's.
  std::vector<TapeScheduler> take(const ExpectedTest& test) {
    std::vector<TapeScheduler> taken;
    for (; next_ < run_.schedulers.size(); ++next_) {
      const TapeScheduler& scheduler = run_.schedulers[next_];
      const bool its = std::any_of(
          test.schedulers.begin(), test.schedulers.end(),
          [&](const ExpectedScheduler& expected) { return expected.name == scheduler.name; });
      if (!its) break;
      taken.push_back(scheduler);
    }
    return taken;
  }

  static bool watched_closely(const ExpectedTest& test) {
    return std::any_of(
        test.schedulers.begin(), test.schedulers.end(),
        [](const ExpectedScheduler& scheduler) { return scheduler.watched_closely; });
  }

  void check_scheduler(const ExpectedTest& test, const TapeScheduler& got,
                       const ExpectedScheduler& expected) {
    if (got.kind == kStall && expected.watched_closely) {
      slow("{}: '{}' was ejected: {}: {}", test.name, got.name, got.reason, got.message);
      return;
    }
    if (!got.exited) wrong("{}: '{}' has no exit", test.name, got.name);
    if (got.enabled ? expected.enabling == Enabling::kFails
                    : expected.enabling == Enabling::kSucceeds)
      wrong("{}: the enable of '{}' {}", test.name, got.name, got.enabled ? "succeeded" : "failed");
    if (got.kind != expected.kind)
      wrong("{}: kind {}, expected {}", test.name, got.kind, expected.kind);
    if (got.code != expected.code)
      wrong("{}: code {:#x}, expected {:#x}", test.name, got.code, expected.code);
    if (got.message.find(expected.message) == std::string::npos)
      wrong("{}: message '{}', expected '{}'", test.name, got.message, expected.message);
    if (got.enabled && got.partial != expected.partial)
      wrong("{}: the switch of '{}' is {}", test.name, got.name, got.partial ? "partial" : "full");
  }

  void check_result(const ExpectedTest& test, bool stalled) {
    const auto found = results_.find(std::string(test.name));
    const TestResult result = found == results_.end() ? TestResult::kNotSaid : found->second;
    if (result == TestResult::kNotOk && stalled) {
      slow("{}: the runner says that it has failed", test.name);
      ++failed_by_slowness_;
    } else if (result == TestResult::kNotOk) {
      wrong("{}: the runner says that it has failed", test.name);
    } else if (result != TestResult::kNotSaid && (result == TestResult::kSkipped) != test.skipped) {
      wrong("{}: the runner says that it was {}", test.name,
            test.skipped ? "not skipped" : "skipped");
    }
  }

  void check_totals() {
    const auto skipped = std::count_if(expected_.begin(), expected_.end(),
                                       [](const ExpectedTest& test) { return test.skipped; });
    const size_t passed = expected_.size() - static_cast<size_t>(skipped) - failed_by_slowness_;
    const std::string totals = fmt::format("PASSED:  {}\nSKIPPED: {}\nFAILED:  {}\n", passed,
                                           skipped, failed_by_slowness_);
    if (run_.output.find(totals) != std::string::npos) return;
    const size_t at = run_.output.rfind("PASSED: ");
    wrong("the runner's totals are not\n{}but\n{}", totals,
          at == std::string::npos ? "missing" : run_.output.substr(at));
  }

  const SelftestRun& run_;
  const std::vector<ExpectedTest>& expected_;
  std::map<std::string, TestResult> results_;
  SelftestFindings findings_;
  size_t next_ = 0;  // of run_.schedulers
  size_t failed_by_slowness_ = 0;
};

}  // namespace

SelftestFindings check_selftests(const SelftestRun& run,
                                 const std::vector<ExpectedTest>& expected) {
  return Check(run, expected).findings();
}

}  // namespace ktape::test
