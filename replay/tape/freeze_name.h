// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "schema/base/result.h"

namespace ktape {

// Which freeze of a tape is meant.
struct FreezeName {
  enum class Which {
    kNumber,
    kLast,
    kError,  // the last one because of a scheduler's error, as in a report
  };
  Which which = Which::kNumber;
  uint64_t number = 0;
};

// "2", "last", "error", also with "freeze:" in front; nothing for any other text.
[[nodiscard]] std::optional<FreezeName> freeze_named(std::string_view text);

// Of a tape that was frozen, but not because of a scheduler's error: kNotApplicable.
[[nodiscard]] Error no_error_freeze();

}  // namespace ktape
