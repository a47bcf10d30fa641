// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace ktape {

// What one program's KTAP says, of its top level.
struct KtapResults {
  size_t passed = 0;
  size_t failed = 0;
  size_t skipped = 0;
  std::string skip_reason;  // of the first that was skipped; safe to print
  // The first diagnostic that begins "violated, ", without that; safe to print.
  std::string failure;
};

// Reads KTAP version 1 or 2 (or TAP, as kselftest prints). kBadInput when it is no KTAP, has no
// plan, bails out, or gives other results than it planned.
[[nodiscard]] Result<KtapResults> read_ktap(std::string_view text);

// The text as a subtest: each line indented by two spaces, "# Subtest: NAME" after its version
// line. Text that is no KTAP becomes diagnostics, and so do `errors`, what the program told on
// standard error. A line that a terminal would act on is made safe.
[[nodiscard]] std::string as_subtest(std::string_view name, std::string_view text,
                                     std::string_view errors = "");

}  // namespace ktape
