// SPDX-License-Identifier: Apache-2.0
#include "replay/check/ktap_report.h"

#include <fmt/format.h>

#include "replay/check/ktap.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

std::string indented(const std::string& text) {
  std::string out;
  bool at_start = true;
  for (const char c : text) {
    if (at_start) out += "  ";
    out += c;
    at_start = c == '\n';
  }
  return out;
}

std::string heading(const CheckedTape& tape) {
  std::string state = tape.integrity;
  if (tape.integrity != "intact") state += ": " + tape.finding;
  std::string text = fmt::format("# tape {}: {}, head {}\n# losses: {}\n", ktap_name(tape.path),
                                 state, tape.head, tape.losses);
  if (!tape.expected.ignored.empty())
    text += fmt::format("# expected failures are ignored: {}\n", tape.expected.ignored);
  return text;
}

// "ok 2 b.ktape # 8 of 9 assertions passed; inconclusive: percpu-typed". As in KTAP, skipped
// subtests alone make a skipped test.
std::string tape_line(size_t number, const CheckedTape& tape, const CheckSummary& summary) {
  const bool failed = summary.violated() + summary.xpassed() + summary.errors() > 0;
  const bool skipped = !failed && summary.passed() + summary.xfailed() == 0;
  return fmt::format("{} {} {} # {}{}\n", failed ? "not ok" : "ok", number, ktap_name(tape.path),
                     skipped ? "SKIP " : "", ktap_reason(summary.verdicts()));
}

}  // namespace

std::string KtapReport::begin() const { return fmt::format("KTAP version 1\n1..{}\n", plan_); }

std::string KtapReport::add(const CheckStep& step) {
  std::string text;
  if (tape_ != &step.tape) {
    text = close_tape();
    if (step.run == nullptr) {
      const size_t number = several_ ? ++tapes_ : ++number_;
      return text + result_line(number, step.tape.path, step.checked.result);
    }
    tape_ = &step.tape;
    text += open_tape();
  }
  if (several_) of_tape_.add(step.run->label(), step.checked.result);
  const std::string result = as_diagnostics(step.checked.text) +
                             result_line(++number_, step.run->label(), step.checked.result);
  return text + (several_ ? indented(result) : result);
}

std::string KtapReport::open_tape() const {
  if (!several_) return heading(*tape_);
  return indented(fmt::format("KTAP version 1\n# Subtest: {}\n1..{}\n", ktap_name(tape_->path),
                              runs_ + tape_->missing.size()) +
                  heading(*tape_));
}

std::string KtapReport::close_tape() {
  if (!several_ || tape_ == nullptr) return "";
  std::string text = tape_line(++tapes_, *tape_, of_tape_);
  tape_ = nullptr;
  number_ = 0;
  of_tape_ = {};
  return text;
}

std::string KtapReport::finish(const CheckSummary& summary) {
  return close_tape() + summary.text();
}

}  // namespace ktape
