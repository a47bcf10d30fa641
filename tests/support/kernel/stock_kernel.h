// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

// The stock kernels of the tests, in ${XDG_CACHE_HOME:-~/.cache}/ktape/kernels, where `tools/kernel
// tests` puts them. A test requests a series, "6.16" or "7.3-rt", and uses the release that is
// available: tools/kernels.list names the series, and the file for-tests beside the kernels says
// which release is used for each. An exact version means itself.
namespace ktape::test {

// The version to use for a series: "6.16.12" for "6.16", or a replacement if no mirror has it any
// more, perhaps of another series. If for-tests has no line for it, the newest of the series in the
// cache; if there is none, the series itself.
[[nodiscard]] std::string version_for(const std::string& series);

// Whether a kernel of another series replaces it: facts about the series alone must then be taken
// from a golden tape.
[[nodiscard]] bool is_gone(const std::string& series);

// The bzImage of the version to use for a series.
[[nodiscard]] std::string cached_kernel(const std::string& series);
[[nodiscard]] bool is_cached(const std::string& series);

// The version of each series of for-tests that has sched_ext, as far as they are cached; those with
// a flavour, "7.3.4-rt", last.
[[nodiscard]] std::vector<std::string> versions_with_sched_ext();

// "kernel 6.16 is not cached: tools/kernel tests"
[[nodiscard]] std::string not_cached(const std::string& series);

}  // namespace ktape::test
