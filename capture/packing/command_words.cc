// SPDX-License-Identifier: Apache-2.0
#include "capture/packing/command_words.h"

#include <utility>

#include "schema/base/shell_words.h"

namespace ktape {

namespace {

Error error_of(std::string_view command, const ShellFault& fault) {
  const std::string subject = "the scheduler's command '" + std::string(command) + "' ";
  switch (fault.kind) {
    case ShellFault::Kind::kOpenSingleQuote:
      return Error{ErrorCode::kUsage, subject + "has an unclosed '", ""};
    case ShellFault::Kind::kOpenDoubleQuote:
      return Error{ErrorCode::kUsage, subject + "has an unclosed \"", ""};
    case ShellFault::Kind::kEndsInBackslash:
      return Error{ErrorCode::kUsage, subject + "ends with a backslash", ""};
    case ShellFault::Kind::kActive: break;
  }
  return Error{
      ErrorCode::kUsage,
      subject + "has a '" + fault.character + "' that needs a shell, but no shell is run",
      "if you mean the character itself, quote it as '\\" + std::string(1, fault.character) + "'"};
}

}  // namespace

Result<std::vector<std::string>> split_command(std::string_view command) {
  auto split = split_words(command, ActiveCharacters::kFault);
  if (const auto* fault = std::get_if<ShellFault>(&split)) return error_of(command, *fault);
  auto& words = std::get<std::vector<std::string>>(split);
  if (words.empty()) return Error{ErrorCode::kUsage, "the scheduler's command is empty", ""};
  return std::move(words);
}

}  // namespace ktape
