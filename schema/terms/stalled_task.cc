// SPDX-License-Identifier: Apache-2.0
#include "schema/terms/stalled_task.h"

#include <charconv>

namespace ktape {

namespace {

constexpr std::string_view kAfterPid = "] failed to run for ";
constexpr uint64_t kMsPerSecond = 1000;
constexpr size_t kMsDigits = 3;

// The number that a text begins with, which is taken off; nothing when it begins with none.
template <typename T>
std::optional<T> take_number(std::string_view& text) {
  T value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(stop - text.data()));
  return value;
}

// "3.024s"
std::optional<uint64_t> milliseconds(std::string_view text) {
  const std::optional<uint64_t> seconds = take_number<uint64_t>(text);
  if (!seconds || !text.starts_with('.')) return std::nullopt;
  text.remove_prefix(1);
  const size_t before = text.size();
  const std::optional<uint64_t> rest = take_number<uint64_t>(text);
  // Three digits, as the kernel prints milliseconds; another number of them is another format.
  if (!rest || before - text.size() != kMsDigits) return std::nullopt;
  if (*seconds > (UINT64_MAX - *rest) / kMsPerSecond) return UINT64_MAX;
  return *seconds * kMsPerSecond + *rest;
}

}  // namespace

std::optional<StalledTask> stalled_task(std::string_view message) {
  const size_t end = message.find(kAfterPid);
  const size_t begin =
      end == message.npos ? end : message.rfind('[', end);  // a comm may have one too
  if (begin == message.npos) return std::nullopt;
  std::string_view digits = message.substr(begin + 1, end - begin - 1);
  const std::optional<int32_t> pid = take_number<int32_t>(digits);
  if (!pid || !digits.empty() || *pid <= 0) return std::nullopt;
  return StalledTask{std::string(message.substr(0, begin)), Pid(*pid),
                     milliseconds(message.substr(end + kAfterPid.size()))};
}

}  // namespace ktape
