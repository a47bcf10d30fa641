// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/base/sysfs_text.h"

#include <charconv>

namespace ktape {

namespace {

constexpr size_t kMaxListed = 65'536;

template <typename Number>
bool parse_whole(std::string_view text, Number& number, int base) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_hex(std::string_view text, uint64_t& number) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  return parse_whole(text, number, 16);
}

}  // namespace

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\n");
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(" \t\n") + 1 - first);
}

Result<std::vector<uint32_t>> list_cpus(std::string_view text) {
  const Error bad{ErrorCode::kBadInput, "'" + std::string(trim(text)) + "' is not a CPU list", ""};
  std::vector<uint32_t> cpus;
  for (std::string_view rest = trim(text); !rest.empty();) {
    size_t comma = rest.find(',');
    std::string_view range = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    size_t dash = range.find('-');
    uint32_t first = 0;
    if (!parse_whole(range.substr(0, dash), first, 10)) return bad;
    uint32_t last = first;
    if (dash != std::string_view::npos && !parse_whole(range.substr(dash + 1), last, 10))
      return bad;
    // Bounds the list, whatever the text says: "0-4294967295" is a valid range.
    if (last < first || last - first >= kMaxListed - cpus.size()) return bad;
    // 64 bits, or the loop would not end at UINT32_MAX.
    for (uint64_t cpu = first; cpu <= last; ++cpu) cpus.push_back(static_cast<uint32_t>(cpu));
  }
  return cpus;
}

Result<Vmcoreinfo> parse_vmcoreinfo(std::string_view text) {
  text = trim(text);
  size_t space = text.find(' ');
  Vmcoreinfo info;
  if (space == std::string_view::npos || !parse_hex(text.substr(0, space), info.address) ||
      !parse_hex(text.substr(space + 1), info.bytes)) {
    return Error{ErrorCode::kBadInput, "'" + std::string(text) + "' is not an address and a size",
                 ""};
  }
  return info;
}

std::optional<std::string> find_port(const std::vector<VirtioPort>& ports, std::string_view name) {
  for (const VirtioPort& port : ports) {
    if (trim(port.name) == name) return port.device;
  }
  return std::nullopt;
}

}  // namespace ktape
