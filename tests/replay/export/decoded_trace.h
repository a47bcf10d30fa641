// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ktape::test {

// A Perfetto trace as Protocol Buffers' own reader prints it.
[[nodiscard]] std::string decoded(const std::string& trace);

// A counter track with its samples, in the order of the trace.
struct Counter {
  std::string name;
  std::vector<uint64_t> times;
  std::vector<std::string> values;
  // Annotations of the same name; empty for a sample without it.
  std::vector<std::string> tags;
  std::vector<std::string> guest_ns;
};

// The counters of a decoded trace, in the order of their tracks.
[[nodiscard]] std::vector<Counter> counters_in(const std::string& text);

}  // namespace ktape::test
