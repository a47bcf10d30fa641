// SPDX-License-Identifier: Apache-2.0
#include "replay/check/check_reports.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "replay/check/ktap.h"
#include "replay/check/verdict_words.h"
#include "schema/base/json_format.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

// The output of an assertion that a report keeps. A program that prints without end must not make
// the report unreadable; 64 KiB hold any KTAP of ours.
constexpr size_t kTextBytes = size_t{64} << 10;

// The first bytes of text, up to a line end if there is one.
std::string shortened(const std::string& text) {
  if (text.size() <= kTextBytes) return text;
  const size_t end = text.rfind('\n', kTextBytes);
  if (end == std::string::npos) return bounded(text, kTextBytes) + "\n";
  return text.substr(0, end + 1) + fmt::format("(… {} more bytes)\n", text.size() - end - 1);
}

std::string name_of(const CheckStep& step) {
  return step.run != nullptr ? step.run->label() : "verify";
}

// The text is UTF-8 without control characters other than tab and line ends here; XML cannot
// represent U+FFFE and U+FFFF either.
std::string xml(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    std::string_view three = text.substr(i, 3);
    // XML 1.0 excludes both, even as character references.
    if (three == "\xef\xbf\xbe" || three == "\xef\xbf\xbf") {
      out += three.back() == '\xbe' ? "\\u{FFFE}" : "\\u{FFFF}";
      i += 2;
      continue;
    }
    switch (text[i]) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += text[i];
    }
  }
  return out;
}

// What an assertion found, as lines.
std::string evidence_of(const CheckedRun& run) {
  std::string text;
  for (const std::string& line : findings_in(run.text)) text += line + "\n";
  return shortened(text);
}

// Without exponents, which Jenkins' schema does not allow in a time.
std::string seconds(std::chrono::nanoseconds time) {
  return fmt::format("{:.3f}", std::chrono::duration<double>(time).count());
}

std::string element(const char* name, const char* type, const std::string& message,
                    const std::string& text) {
  return fmt::format("      <{0} type=\"{1}\" message=\"{2}\">{3}</{0}>\n", name, type,
                     xml(message), xml(text));
}

std::string property(const char* name, const std::string& value) {
  return fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", name, xml(value));
}

}  // namespace

void JsonReport::add(const CheckStep& step) {
  // Tapes are told apart by their address: the results of one are consecutive.
  if (tape_ != &step.tape) {
    close_tape();
    tape_ = &step.tape;
    tapes_.line(4)
        .object()
        .field("path", printable(tape_->path))
        .field("integrity", tape_->integrity)
        .field("finding", tape_->finding)
        .field("head", tape_->head)
        .field("losses", tape_->losses)
        .key("results")
        .list();
  }
  const AssertionRun* run = step.run;
  tapes_.line(6).object().field("name", run != nullptr ? printable(run->name) : "verify");
  tapes_.key("arguments").list();
  if (run != nullptr) {
    for (const auto& argument : run->arguments) tapes_.value(printable(argument));
  }
  tapes_.end()
      .field("program", run != nullptr ? printable(run->program) : "")
      .field("required", run != nullptr && run->required)
      .field("verdict", words_of(step.checked.result.kind).name)
      .field("reason", step.checked.result.reason)
      .field("output", shortened(step.checked.text))
      .end();
}

void JsonReport::close_tape() {
  if (tape_ != nullptr) tapes_.end().end();
}

std::string JsonReport::finish(const CheckSummary& summary) {
  close_tape();
  JsonWriter json;
  json.object();
  json.line(2).field("format", JsonFormat::kCheck);
  json.line(2).field("ktape", KTAPE_VERSION);
  json.line(2).field("exitStatus", static_cast<int>(summary.code()));
  json.line(2)
      .key("totals")
      .object()
      .field("pass", JsonNumber{summary.passed()})
      .field("fail", JsonNumber{summary.violated()})
      .field("xfail", JsonNumber{summary.xfailed()})
      .field("xpass", JsonNumber{summary.xpassed()})
      .field("skip", JsonNumber{summary.skipped()})
      .field("error", JsonNumber{summary.errors()})
      .end();
  json.line(2).field("tapes", JsonText{tapes_.end().take()});
  return json.newline().end().newline().take();
}

void JunitReport::add(const CheckStep& step) {
  if (tape_ != &step.tape) {
    close_tape();
    tape_ = &step.tape;
  }
  ++suite_.tests;
  suite_.time += step.checked.lasted;
  cases_ +=
      fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{}\">\n{}    </testcase>\n",
                  xml(printable(step.tape.path)), xml(printable(name_of(step))),
                  seconds(step.checked.lasted), outcome(step.checked));
}

std::string JunitReport::outcome(const CheckedRun& run) {
  using Kind = CheckResult::Kind;
  const std::string& why = run.result.reason;
  const std::string evidence = evidence_of(run);
  const VerdictWords& words = words_of(run.result.kind);
  switch (run.result.kind) {
    case Kind::kPassed: break;
    case Kind::kViolated:
    case Kind::kXpass:
      ++suite_.failures;
      return element("failure", words.name, why.empty() ? words.word : why, evidence);
    case Kind::kXfail:
    case Kind::kNotAsked:
    case Kind::kInconclusive: {
      ++suite_.skipped;
      const bool failed = run.result.kind == Kind::kXfail;
      const std::string message = failed ? fmt::format("{}: {}", words.phrase, why) : why;
      return element("skipped", words.name, message, evidence);
    }
    case Kind::kError: ++suite_.errors; return element("error", words.name, why, evidence);
  }
  return fmt::format("      <system-out>{}</system-out>\n", xml(evidence));
}

void JunitReport::close_tape() {
  if (tape_ == nullptr) return;
  suites_ += fmt::format(
      "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" "
      "time=\"{}\">\n    <properties>\n{}{}{}    </properties>\n{}  </testsuite>\n",
      xml(printable(tape_->path)), suite_.tests, suite_.failures, suite_.errors, suite_.skipped,
      seconds(suite_.time), property("integrity", tape_->integrity), property("head", tape_->head),
      property("losses", tape_->losses), cases_);
  all_.tests += suite_.tests;
  all_.failures += suite_.failures;
  all_.errors += suite_.errors;
  all_.time += suite_.time;
  cases_.clear();
  suite_ = {};
}

std::string JunitReport::finish() {
  close_tape();
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuites name=\"ktape check\" tests=\"{}\" failures=\"{}\" errors=\"{}\" "
      "time=\"{}\">\n{}</testsuites>\n",
      all_.tests, all_.failures, all_.errors, seconds(all_.time), suites_);
}

Result<void> check_report_path(const std::string& path) {
  // An SQLite database may be a tape, which a mistyped --json would destroy.
  constexpr std::string_view kMagic = "SQLite format 3";
  std::string begin(kMagic.size(), '\0');
  std::ifstream(path, std::ios::binary)
      .read(begin.data(), static_cast<std::streamsize>(begin.size()));
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  if (!folder.empty() && !std::filesystem::is_directory(folder, ignored)) {
    return Error{
        ErrorCode::kUsage,
        in_quotes(path) + " cannot be written: there is no folder " + in_quotes(folder.string()),
        ""};
  }
  if (begin != kMagic) return {};
  return Error{ErrorCode::kUsage,
               in_quotes(path) + " is a database, possibly a tape, and is not overwritten",
               "give --junit or --json the name of another file"};
}

Result<void> write_report(const std::string& path, const std::string& text) {
  // Written at the end and at once: a report of a check that was interrupted would pass for a whole
  // one.
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (file) return {};
  return system_error(ErrorCode::kHost, "cannot write " + in_quotes(path));
}

}  // namespace ktape
