// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/load.h"

#include <capnp/serialize-text.h>
#include <fmt/format.h>
#include <kj/exception.h>

#include <charconv>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "schema/base/file.h"
#include "schema/scenario/check.h"
#include "schema/scenario/defaults.h"
#include "schema/scenario/shape.h"
#include "schema/scenario/text_parser.h"

namespace ktape {

namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;

// The decoder's own error for text that passed the checks before it: "FIRST-LAST: sentence", where
// Cap'n Proto 0.9 counts columns from 0 on the first line and from 1 on the others.
Error decoder_error(const std::string& path, std::string_view text,
                    const kj::Exception& exception) {
  std::string_view description(exception.getDescription().begin(),
                               exception.getDescription().size());
  // decode() reports the position in the text as the exception's line and, in its message, the
  // columns.
  uint32_t line = static_cast<uint32_t>(exception.getLine());
  uint32_t column = 0;
  const char* end = description.data() + description.size();
  auto [stop, status] = std::from_chars(description.data(), end, column);
  size_t colon = description.find(": ");
  if (status != std::errc() || stop == end || *stop != '-' || colon == std::string_view::npos) {
    return Error{ErrorCode::kUsage, fmt::format("{}: cannot be decoded: {}", path, description),
                 ""};
  }
  Error error = error_at(path, Place{line, line == 1 ? column + 1 : column},
                         fmt::format("cannot be decoded: {}", description.substr(colon + 2)));
  // Cap'n Proto's text reads "=-" as one sign.
  if (text.find("=-") != std::string::npos)
    error.hint = "write a space before the sign of a negative number: 'nice = -5'";
  return error;
}

}  // namespace

Result<LoadedScenario> parse_scenario(const std::string& path, std::string text,
                                      const MachineOverride& machine) {
  // Parsed by our own parser first: it gives places and better errors. Cap'n Proto decodes only
  // what has passed.
  KTAPE_ASSIGN(TextNode parsed, parse_text(path, text));
  auto message = std::make_unique<capnp::MallocMessageBuilder>();
  try {
    KTAPE_TRY(check_shape(path, parsed, capnp::Schema::from<schema::Scenario>()));
    auto scenario = message->initRoot<schema::Scenario>();
    capnp::TextCodec().decode(kj::StringPtr(text.c_str(), text.size()), scenario);
    // Before the defaults and checks: what the command line replaces need not be valid.
    apply_override(machine, scenario.getMachine());
    // In this order: paths are checked against what they mean, and checks see complete values.
    fill_defaults(scenario);
    KTAPE_TRY(complete_ops(path, parsed, scenario));
    KTAPE_TRY(check_scenario(path, parsed, scenario.asReader(), machine));
  } catch (const kj::Exception& exception) {
    return decoder_error(path, text, exception);
  }
  return LoadedScenario(path, std::move(text), std::move(message));
}

Result<LoadedScenario> load_scenario(const std::string& path, const MachineOverride& machine) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return Error{ErrorCode::kUsage, fmt::format("cannot read scenario '{}': it is a folder", path),
                 ""};
  auto text = read_text_file(path, kMaxFileBytes);
  if (!text.ok()) {
    // A scenario that does not exist is a mistake on the command line, like a misspelt option.
    ErrorCode code = text.error().code == ErrorCode::kHost ? ErrorCode::kHost : ErrorCode::kUsage;
    if (text.error().code == ErrorCode::kBadInput)
      return Error{code, fmt::format("cannot read scenario: {}", text.error().message),
                   "give a scenario, which is a text file"};
    return Error{code, text.error().message, text.error().hint};
  }
  return parse_scenario(path, std::move(text).value(), machine);
}

}  // namespace ktape
