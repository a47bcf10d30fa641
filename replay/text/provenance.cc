// SPDX-License-Identifier: Apache-2.0
#include "replay/text/provenance.h"

#include <fmt/format.h>

#include <algorithm>

#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"
#include "schema/base/digest.h"
#include "schema/base/shell_words.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

std::string hex(capnp::Data::Reader bytes) { return to_hex(as_bytes(chars(bytes))); }

std::string checkout_text(schema::TestedProgram::Reader program) {
  using schema::CheckoutState;
  const std::string place = fmt::format(", in '{}'", safe(program.getCheckoutFolder()));
  const std::string commit = "commit " + safe(program.getCommit());
  const std::string untracked =
      program.getUntracked() > 0
          ? fmt::format(", plus {}",
                        count_text(static_cast<uint64_t>(program.getUntracked()), "untracked file"))
          : "";
  switch (program.getCheckout()) {
    case CheckoutState::NOT_SAID: return "";
    case CheckoutState::NONE: return ", not in a git checkout";
    case CheckoutState::CLEAN: return ", " + commit + ", clean" + untracked + place;
    case CheckoutState::CHANGED:
      return ", " + commit + " with uncommitted changes" + untracked + place;
    case CheckoutState::NOT_KNOWN:
      return (program.getCommit().size() > 0 ? ", " + commit : "") +
             ", in a git checkout whose state is not known: " + safe(program.getReason());
  }
  return "";
}

// Whether nothing in it acts on a terminal, apart from these characters.
bool is_safe(std::string_view text, std::string_view but_for) {
  const std::string apart = "\\" + std::string(but_for);  // printable() doubles a backslash
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find_first_of(apart));
    if (printable(part) != part) return false;
    text.remove_prefix(std::min(part.size() + 1, text.size()));
  }
  return true;
}

void comment(std::string& script, std::string_view label, const std::string& text) {
  if (!text.empty()) script += fmt::format("# {:<9} {}\n", label, text);
}

// Where to find the scenario's text if the file was changed since.
std::string scenario_comment(std::string_view tape, schema::RunStarted::Reader run) {
  const std::string quoted = shell_quoted(tape);
  return fmt::format("SHA-256 {}; 'ktape info {} --scenario-text' prints it",
                     to_hex(sha256(as_bytes(chars(run.getScenarioText())))), printable(quoted));
}

}  // namespace

std::string tested_program_text(schema::TestedProgram::Reader program) {
  if (program.getPath().size() == 0) return "";
  std::string text =
      fmt::format("'{}', SHA-256 {}", safe(program.getPath()), hex(program.getDigest()));
  text +=
      program.getBuildId().size() > 0 ? ", build-id " + hex(program.getBuildId()) : ", no build-id";
  return text + checkout_text(program);
}

std::string own_scheduler_text(schema::SchedulerAttached::Reader scheduler) {
  if (scheduler.getObjectDigest().size() == 0) return "";
  return fmt::format("{}, SHA-256 {}", safe(scheduler.getName()), hex(scheduler.getObjectDigest()));
}

Result<std::string> capture_command(schema::RunStarted::Reader run) {
  if (run.getArguments().size() == 0) {
    return Error{ErrorCode::kNotApplicable,
                 "the tape does not have the arguments of 'ktape capture'",
                 "it was recorded by an older ktape"};
  }
  // The names of scenario and files may be relative to this folder.
  const std::string_view folder = chars(run.getWorkingFolder());
  std::string command = folder.empty() ? "" : "cd " + shell_quoted(folder) + " && ";
  // Without the folder the command is still right if its names are absolute.
  if (!is_safe(folder, "")) command.clear();
  command += "ktape capture";
  for (auto argument : run.getArguments()) {
    const std::string word(chars(argument));
    if (!is_safe(word, "")) {
      return Error{ErrorCode::kBadInput,
                   "an argument of 'ktape capture' cannot be shown: " + in_quotes(word), ""};
    }
    command += " " + shell_quoted(word);
  }
  return command;
}

Result<std::string> scenario_text(schema::RunStarted::Reader run) {
  const std::string_view text = chars(run.getScenarioText());
  if (text.empty())
    return Error{ErrorCode::kNotApplicable, "the tape does not have the text of its scenario", ""};
  // The scenario of a real capture has none: the recorder refuses them.
  if (!is_safe(text, "\n\r\t"))
    return Error{ErrorCode::kBadInput, "the scenario on the tape has control characters", ""};
  return std::string(text);
}

Result<std::string> reproduce_script(std::string_view tape, schema::RunStarted::Reader run,
                                     schema::KernelIdentified::Reader kernel,
                                     schema::SchedulerAttached::Reader attached) {
  KTAPE_ASSIGN(const std::string command, capture_command(run));
  std::string script;
  comment(script, "captured",
          fmt::format("{} by ktape {}, in '{}'", wall_clock_text(run.getWallClockNs()),
                      safe(run.getKtapeVersion()), safe(run.getWorkingFolder())));
  const std::string release =
      kernel.getRelease().size() > 0 ? safe(kernel.getRelease()) + ", " : "";
  comment(script, "kernel", release + "image's SHA-256 " + hex(run.getKernelImageDigest()));
  comment(script, "machine",
          fmt::format("{}, {}", enum_words(run.getAcceleratorUsed()), safe(run.getQemuVersion())));
  const std::string tested = tested_program_text(run.getSchedulerProgram());
  comment(script, "scheduler", tested.empty() ? own_scheduler_text(attached) : tested);
  comment(script, "files",
          run.getGuestFilesDigest().size() == 0
              ? ""
              : "SHA-256 of all files in the guest " + hex(run.getGuestFilesDigest()));
  comment(script, "scenario", scenario_comment(tape, run));
  return script + command + "\n";
}

}  // namespace ktape
