// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/freeze_name.h"

#include <charconv>

namespace ktape {

std::optional<FreezeName> freeze_named(std::string_view text) {
  constexpr std::string_view kPrefix = "freeze:";
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  if (text == "last") return FreezeName{FreezeName::Which::kLast};
  if (text == "error") return FreezeName{FreezeName::Which::kError};
  FreezeName name;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, name.number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return name;
}

Error no_error_freeze() {
  return {ErrorCode::kNotApplicable, "the tape has no freeze on a scheduler's error",
          "'ktape read TAPE' lists its freezes"};
}

}  // namespace ktape
