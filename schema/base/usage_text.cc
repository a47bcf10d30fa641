// SPDX-License-Identifier: Apache-2.0
#include "schema/base/usage_text.h"

#include <algorithm>
#include <optional>
#include <regex>

#include "schema/base/nearest.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

// "auto,kvm,tcg" -> "auto, kvm or tcg"
std::string alternatives(std::string_view names) {
  std::string text;
  while (!names.empty()) {
    const size_t end = std::min(names.find(','), names.size());
    const bool last = end == names.size();
    if (!text.empty()) text += last ? " or " : ", ";
    text += names.substr(0, end);
    names.remove_prefix(last ? end : end + 1);
  }
  return text;
}

std::optional<std::smatch> match(const std::string& text, const char* pattern) {
  std::smatch found;
  if (!std::regex_match(text, found, std::regex(pattern))) return std::nullopt;
  return found;
}

std::string message_of(const std::string& text) {
  if (auto it = match(text, R"((\S+): \d+ required .* missing)"))
    return it->str(1) + " needs a value";
  if (auto it = match(text, R"((\S+): At Most 1 required but received (\d+))"))
    return it->str(1) + " is given " + it->str(2) + " times, and takes one value";
  if (auto it = match(text, R"((\S+): Value (.*) not in range (\S+) to (\S+))"))
    return it->str(1) + ": got " + in_quotes(it->str(2)) + ", expected " + it->str(3) + " to " +
           it->str(4);
  if (auto it = match(text, R"((\S+): (.*) not in \{(.*)\})"))
    return it->str(1) + ": got " + in_quotes(it->str(2)) + ", expected " + alternatives(it->str(3));
  if (auto it = match(text, R"(Could not convert: (\S+) = (.*))"))
    return it->str(1) + ": got " + in_quotes(it->str(2)) + ", expected a number";
  if (auto it = match(text, R"((\S+) excludes (\S+))"))
    return it->str(1) + " and " + it->str(2) + " exclude each other";
  return text;
}

}  // namespace

std::string option_values(std::string_view type) {
  std::string said(type);
  if (auto it = match(said, R"(.*:\{(.*)\})")) {
    std::string names = it->str(1);
    for (char& c : names) c = c == ',' ? '|' : c;
    return names;
  }
  if (auto it = match(said, R"((?:UINT|INT|FLOAT):.* in \[(\S+) - (\S+)\])"))
    return "N (" + it->str(1) + " to " + it->str(2) + ")";
  if (auto it = match(said, R"((.*):.* in \[(\S+) - (\S+)\])"))
    return it->str(1) + " (" + it->str(2) + " to " + it->str(3) + ")";
  return said;
}

Error usage_error(std::string_view text) {
  return {ErrorCode::kUsage, message_of(std::string(text)), ""};
}

Error unexpected_arguments(std::span<const std::string> arguments,
                           std::span<const std::string> options) {
  KTAPE_CHECK(!arguments.empty());
  const auto is_option = [](const std::string& argument) { return argument.starts_with('-'); };
  const auto option = std::find_if(arguments.begin(), arguments.end(), is_option);
  if (option == arguments.end()) {
    return {ErrorCode::kUsage, "there is no use for the argument " + in_quotes(arguments.front()),
            ""};
  }
  const std::string name = option->substr(0, option->find('='));
  return {ErrorCode::kUsage, "there is no option " + in_quotes(name), did_you_mean(name, options)};
}

}  // namespace ktape
