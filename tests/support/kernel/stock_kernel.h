// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

// The stock kernels of the tests, in ${XDG_CACHE_HOME:-~/.cache}/ktape/kernels, where `tools/kernel
// tests` puts them. A test asks for a series, "6.16" or "7.3-rt", and takes the release that can be
// had: tools/kernels.list names the series, and the file for-tests beside the kernels says which
// release stands for each. An exact version stands for itself.
namespace ktape::test {

// The version that stands for a series: "6.16.12" for "6.16", or what stands in for it where no
// mirror has it any more; that may be of another series. Where for-tests says nothing, the newest
// of the series in the cache; where there is none, the series itself.
[[nodiscard]] std::string version_for(const std::string& series);

// Whether a kernel of another series stands for it: what is true of the series alone is then to be
// asked of a golden tape.
[[nodiscard]] bool is_gone(const std::string& series);

// The bzImage of the version that stands for a series.
[[nodiscard]] std::string cached_kernel(const std::string& series);
[[nodiscard]] bool is_cached(const std::string& series);

// The version of each series of for-tests that has sched_ext, as far as they are cached; those with
// a flavour, "7.3.4-rt", last.
[[nodiscard]] std::vector<std::string> versions_with_sched_ext();

// "kernel 6.16 is not cached: tools/kernel tests"
[[nodiscard]] std::string not_cached(const std::string& series);

}  // namespace ktape::test
