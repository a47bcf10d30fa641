// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/image/banner.h"

namespace ktape {

std::string release_in(std::string_view banner) {
  constexpr std::string_view kStart = "Linux version ";
  if (!banner.starts_with(kStart)) return {};
  banner.remove_prefix(kStart.size());
  return std::string(banner.substr(0, banner.find(' ')));
}

std::string preemption_in(std::string_view banner) {
  const size_t start = banner.find(" PREEMPT");
  if (start == std::string_view::npos) return {};
  const std::string_view word = banner.substr(start + 1);
  return std::string(word.substr(0, word.find(' ')));
}

}  // namespace ktape
