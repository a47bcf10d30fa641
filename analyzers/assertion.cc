// SPDX-License-Identifier: Apache-2.0
#include "analyzers/assertion.h"

#include <fmt/format.h>

#include <charconv>

#include "schema/base/text.h"

namespace ktape {

namespace {

const char* state_text(TapeState state) {
  switch (state) {
    case TapeState::kSealed: return "sealed";
    case TapeState::kTruncated: return "truncated: salvaged from a recorder that died";
    case TapeState::kUnsealed: return "not sealed: the recorder died or is still running";
  }
  return "";
}

std::string finding_text(const Finding& finding) {
  // Assertions say seq 0 for the tape as a whole, which no record has.
  return finding.seq == Seq(0) ? finding.text
                               : fmt::format("seq {}: {}", finding.seq.value, finding.text);
}

void print_findings(std::string& out, std::string_view lead, const Findings& findings) {
  for (const Finding& finding : findings.first()) {
    out += fmt::format("# {}{}\n", lead, finding_text(finding));
  }
  const size_t more = findings.count() - findings.first().size();
  if (more > 0) out += fmt::format("# {}and {} more\n", lead, more);
}

void print_losses(std::string& out, const TapeFacts& facts) {
  if (!facts.losses.known()) out += "# losses: not known, the tape does not say\n";
  if (facts.losses.known() && facts.losses.losses().empty()) out += "# losses: none\n";
  for (const auto& loss : facts.losses.losses()) {
    out += fmt::format("# lost: {} {} ({})\n", loss.count, loss.name, loss.description);
  }
}

std::string result_line(const Assertion& assertion) {
  switch (assertion.verdict()) {
    case Verdict::kPass: return fmt::format("ok 1 {}\n", assertion.name());
    case Verdict::kFail: return fmt::format("not ok 1 {}\n", assertion.name());
    case Verdict::kInconclusive: break;
  }
  // The first of them is enough for one line; all are in the diagnostics.
  std::string why = assertion.undecided().empty()
                        ? "the tape has nothing to judge"
                        : finding_text(assertion.undecided().first().front());
  return fmt::format("ok 1 {} # SKIP inconclusive: {}\n", assertion.name(), why);
}

}  // namespace

void Findings::add(Seq seq, std::string text) {
  ++count_;
  if (first_.size() < kKept) first_.push_back({seq, std::move(text)});
}

void Findings::add(const Findings& more) {
  for (const Finding& finding : more.first_) add(finding.seq, finding.text);
  // Those that `more` has counted but not kept.
  count_ += more.count_ - more.first_.size();
}

Verdict Assertion::verdict() const {
  if (!violated_.empty()) return Verdict::kFail;
  // An assertion that found nothing to judge has not been met.
  if (!undecided_.empty() || confirmed_.empty()) return Verdict::kInconclusive;
  return Verdict::kPass;
}

Result<TapeFacts> evaluate(const TapeReader& tape, Assertion& assertion) {
  TapeFacts facts;
  facts.path = tape.path();
  facts.state = tape.state();
  auto hand_in = [&](const RecordView& view) -> Result<void> {
    ++facts.records;
    // Its members mean nothing to this build, but it is counted: a verdict may lack what it says.
    if (!view.known) {
      ++facts.unknown_records;
      return {};
    }
    facts.losses.visit(view.record);
    assertion.visit(view);
    return {};
  };
  // The chain is checked on the way: a verdict about altered records is worse than none.
  KTAPE_TRY(tape.for_each(hand_in, ChainCheck::kRecords));
  // Not reached after an error, so a half-read tape has no verdict.
  assertion.finish(facts.state);
  return facts;
}

std::string ktap(const TapeFacts& facts, const Assertion& assertion) {
  std::string out = "KTAP version 1\n1..1\n";
  out += fmt::format("# tape: {} ({}, {} records)\n", printable(facts.path),
                     state_text(facts.state), facts.records);
  if (facts.unknown_records > 0) {
    out += fmt::format("# {} records are of kinds that this build does not know\n",
                       facts.unknown_records);
  }
  print_findings(out, "violated, ", assertion.violated());
  print_findings(out, "undecided, ", assertion.undecided());
  print_findings(out, "", assertion.confirmed());
  print_findings(out, "note, ", assertion.notes());
  print_losses(out, facts);
  return out + result_line(assertion);
}

std::string ktap_lacking(const Assertion& assertion, const std::vector<std::string>& missing) {
  std::string names;
  for (size_t i = 0; i < missing.size(); ++i) {
    if (i > 0) names += i + 1 == missing.size() ? " and " : ", ";
    // `ktape check` tells this skip from an inconclusive one by its words.
    names += missing[i];
  }
  return fmt::format("KTAP version 1\n1..1\nok 1 {} # SKIP not asked: it needs {}\n",
                     assertion.name(), names);
}

Result<uint64_t> number_argument(std::string_view argument, std::string_view value) {
  bool hex = value.starts_with("0x") || value.starts_with("0X");
  std::string_view digits = hex ? value.substr(2) : value;
  uint64_t number = 0;
  auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, hex ? 16 : 10);
  if (error == std::errc() && end == digits.data() + digits.size()) return number;
  return Error{
      ErrorCode::kUsage,
      fmt::format("{} takes a number from 0 to 2^64 - 1, not {}", argument, in_quotes(value)), ""};
}

ExitCode exit_code(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass: return ExitCode::kGood;
    case Verdict::kFail: return ExitCode::kViolated;
    case Verdict::kInconclusive: return ExitCode::kInconclusive;
  }
  return ExitCode::kHost;
}

}  // namespace ktape
