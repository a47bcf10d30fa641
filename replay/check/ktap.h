// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// What reports keep of one line of an assertion, and of the reason of its verdict: more than any of
// ours prints. Others may print megabytes in one line.
inline constexpr size_t kSaidBytes = size_t{4} << 10;

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

// A name as readers of KTAP need it in result lines and "# Subtest: NAME": on one line, and without
// what would end it, or what they would cut off or take for syntax; these are written as \xNN.
[[nodiscard]] std::string ktap_name(std::string_view name);
// The same for what follows the '#' of a result line, which is safe to print already.
[[nodiscard]] std::string ktap_reason(std::string_view why);

// A subtest of an assertion as the diagnostics of its verdict, "# LINE" each, which stands for all
// of its results: nested, an inner result would count besides the verdict. Lines are bounded.
[[nodiscard]] std::string as_diagnostics(std::string_view subtest);

// What an assertion says in its output as a subtest, safe to print: its diagnostics, but for what
// is the same for every assertion of a tape, and of several results those that failed.
[[nodiscard]] std::vector<std::string> said_in(std::string_view subtest);
// The same with each line bounded, for a report.
[[nodiscard]] std::vector<std::string> findings_in(std::string_view subtest);

}  // namespace ktape
