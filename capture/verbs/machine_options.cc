// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/machine_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "schema/base/nearest.h"

namespace ktape {

namespace {

constexpr std::array<std::pair<std::string_view, uint32_t MachineShape::*>, 6> kParts = {
    {{"cpus", &MachineShape::cpus},
     {"sockets", &MachineShape::sockets},
     {"cores", &MachineShape::cores},
     {"threads", &MachineShape::threads},
     {"llcs", &MachineShape::llcs},
     {"numaNodes", &MachineShape::numa_nodes}}};

Result<void> set_part(std::string_view name, uint32_t value, MachineShape& shape) {
  std::vector<std::string> names;
  for (const auto& [known, member] : kParts) {
    names.emplace_back(known);
    if (known != name) continue;
    // 0 means "not given", so a second value would replace the first unnoticed.
    if (shape.*member != 0)
      return Error{ErrorCode::kUsage, fmt::format("'{}' is given twice", name), ""};
    shape.*member = value;
    return {};
  }
  const std::string near = did_you_mean(name, names);
  return Error{ErrorCode::kUsage, fmt::format("unknown topology field '{}'", name),
               !near.empty() ? near : fmt::format("use one of: {}", fmt::join(names, ", "))};
}

}  // namespace

Result<MachineShape> parse_topology(std::string_view text) {
  MachineShape shape;
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    const size_t equals = part.find('=');
    const std::string_view number =
        part.substr(equals == std::string_view::npos ? part.size() : equals + 1);
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    // 0 CPUs or LLCs of anything is a mistake; leaving a field out asks for its default.
    if (error != std::errc() || end != number.data() + number.size() || value == 0) {
      return Error{ErrorCode::kUsage, fmt::format("'{}' is not of the form NAME=NUMBER", part),
                   "write e.g. sockets=2,cores=4,threads=2"};
    }
    KTAPE_TRY(set_part(part.substr(0, equals), value, shape));
  }
  return shape;
}

std::string topology_text(const MachineShape& shape) {
  std::string text;
  for (const auto& [name, member] : kParts) {
    if (shape.*member != 0)
      text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, shape.*member);
  }
  return text;
}

}  // namespace ktape
