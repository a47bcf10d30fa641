// SPDX-License-Identifier: Apache-2.0
#include "replay/check/github_report.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "replay/check/verdict_words.h"
#include "schema/base/digest.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

using Kind = CheckResult::Kind;

// GitHub takes at most 1 MiB of summary from a step, and none of a larger one.
constexpr size_t kRowsBytes = size_t{256} << 10;
// In a cell, where characters may become references of six bytes.
constexpr size_t kCellBytes = 300;

// Escapes of actions/toolkit, packages/core/src/command.ts: in a message, and in a property.
std::string command_text(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    const bool special = c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','));
    out += special ? fmt::format("%{:02X}", static_cast<unsigned>(c)) : std::string(1, c);
  }
  return out;
}

// As a cell of a Markdown table. Characters of Markdown and HTML become references, and so does
// '@', which would notify someone.
std::string cell(std::string_view text) {
  constexpr std::string_view kSpecial = "&<>|`*_[]()#!~\\@:$\n\r";
  std::string out;
  for (const char c : text) {
    const bool special = kSpecial.find(c) != std::string_view::npos;
    out += special ? fmt::format("&#{};", static_cast<unsigned>(c)) : std::string(1, c);
  }
  return out;
}

// Of an annotation; empty: none.
const char* command_of(Kind kind) {
  if (words_of(kind).bad) return "error";
  return kind == Kind::kInconclusive ? "warning" : kind == Kind::kXfail ? "notice" : "";
}

std::string verdict_of(Kind kind) {
  const VerdictWords& words = words_of(kind);
  return words.bad ? fmt::format("**{}**", words.word) : words.word;
}

std::string reason_of(const CheckResult& result) {
  const VerdictWords& words = words_of(result.kind);
  if (result.kind == Kind::kXfail) return fmt::format("{}: {}", words.phrase, result.reason);
  return words.bad && result.reason.empty() ? words.phrase : result.reason;
}

}  // namespace

void GithubReport::add(const CheckStep& step) {
  if (tape_ != &step.tape) {
    close_tape();
    tape_ = &step.tape;
  }
  const CheckResult& result = step.checked.result;
  const std::string name = step.run != nullptr ? printable(step.run->label()) : "verify";
  const std::string tape = printable(step.tape.path);
  of_tape_.add(name, result);
  const std::string command = command_of(result.kind);
  if (command.empty()) return;
  const std::string reason = reason_of(result);
  commands_ += fmt::format("::{} title={}::{}\n", command, command_text(name + ": " + tape, true),
                           command_text(reason, false));
  results_.add(fmt::format("| {} | {} | {} | {} |\n", verdict_of(result.kind), cell(name),
                           cell(tape), cell(bounded(reason, kCellBytes))));
}

void GithubReport::Rows::add(const std::string& row) {
  if (left_out_ == 0 && text_.size() + row.size() <= kRowsBytes) {
    text_ += row;
  } else {
    ++left_out_;
  }
}

std::string GithubReport::Rows::table(const char* head) const {
  if (text_.empty()) return "";
  const std::string more =
      left_out_ == 0 ? "" : fmt::format("and {} more, which do not fit\n\n", left_out_);
  return head + text_ + "\n" + more;
}

void GithubReport::close_tape() {
  if (tape_ == nullptr) return;
  tapes_.add(fmt::format("| {} | {} | {} |\n", cell(printable(tape_->path)),
                         cell(of_tape_.verdicts()), cell(tape_->losses)));
  of_tape_ = {};
}

std::string GithubReport::summary(const CheckSummary& of_all) {
  close_tape();
  tape_ = nullptr;
  std::string text = fmt::format("### ktape check: {}\n\n", cell(of_all.verdicts()));
  text += results_.table("| verdict | assertion | tape | why |\n|---|---|---|---|\n");
  text += tapes_.table("| tape | result | losses |\n|---|---|---|\n");
  return text;
}

Result<std::string> stop_word() {
  std::array<std::byte, 16> random;
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return system_error(ErrorCode::kHost, "cannot get random bytes");
  return "ktape-" + to_hex(random);
}

Result<void> append_job_summary(const std::string& text) {
  const char* path = std::getenv("GITHUB_STEP_SUMMARY");
  if (path == nullptr || *path == '\0') return {};
  std::ofstream file(path, std::ios::binary | std::ios::app);
  file << text << std::flush;
  if (file) return {};
  return system_error(ErrorCode::kHost, "cannot write the job summary " + in_quotes(path));
}

}  // namespace ktape
