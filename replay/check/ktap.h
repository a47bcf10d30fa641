// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace ktape {

// The top level of one program's KTAP.
struct KtapResults {
  size_t passed = 0;
  size_t failed = 0;
  size_t skipped = 0;
  std::string skip_reason;  // of the first skipped result; safe to print
  // The text after "violated, " in the first diagnostic that begins so; safe to print.
  std::string failure;
};

// Reads KTAP version 1 or 2 (or TAP, as kselftest prints). kBadInput if it is not KTAP, has no
// plan, bails out, or has other results than it planned.
[[nodiscard]] Result<KtapResults> read_ktap(std::string_view text);

// The text as a subtest: each line indented by two spaces, "# Subtest: NAME" after its version
// line. Text that is not KTAP becomes diagnostics, and so does `errors`, the program's standard
// error. Lines that would act on a terminal are made safe.
[[nodiscard]] std::string as_subtest(std::string_view name, std::string_view text,
                                     std::string_view errors = "");

}  // namespace ktape
