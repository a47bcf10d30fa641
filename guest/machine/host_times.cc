// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/host_times.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace ktape {

namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
// Longer than a schedstat or the first line of /proc/stat.
constexpr size_t kProcBytes = 512;

// Removes the next number from the front of `text`. std::from_chars does not skip blanks and knows
// no locale, unlike strtoull.
std::optional<uint64_t> take_number(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

// The kernel regenerates a /proc file whenever it is read from offset 0.
std::string read_from_start(const UniqueFd& file) {
  std::array<char, kProcBytes> text;
  const ssize_t got = file.valid() ? ::pread(file.get(), text.data(), text.size(), 0) : -1;
  return got > 0 ? std::string(text.data(), static_cast<size_t>(got)) : std::string();
}

UniqueFd open_to_read(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

Result<ThreadTimes> parse_schedstat(std::string_view text) {
  std::string_view rest = text;
  const std::optional<uint64_t> ran = take_number(rest), waited = take_number(rest),
                                slices = take_number(rest);
  // Exactly three numbers and a newline: anything else is a format that is not known, and a guess
  // would look like a measurement.
  if (!ran || !waited || !slices || rest != "\n") {
    return Error{ErrorCode::kBadInput,
                 fmt::format("cannot read '{}' as a thread's schedstat", text.substr(0, 80)), ""};
  }
  return ThreadTimes{true, 0, *ran, *waited, *slices};
}

std::optional<uint64_t> parse_stolen(std::string_view text, uint64_t ticks_per_second) {
  // cpu user nice system idle iowait irq softirq steal
  constexpr std::string_view kAllCpus = "cpu ";
  constexpr int kBeforeSteal = 7;
  if (!text.starts_with(kAllCpus) || ticks_per_second == 0 || ticks_per_second > kNsPerSecond)
    return std::nullopt;
  text = text.substr(0, text.find('\n'));
  text.remove_prefix(kAllCpus.size());
  for (int i = 0; i < kBeforeSteal; ++i) {
    if (!take_number(text)) return std::nullopt;
  }
  const std::optional<uint64_t> ticks = take_number(text);
  const uint64_t tick_ns = kNsPerSecond / ticks_per_second;
  // A hostile or broken /proc/stat must not wrap around.
  if (!ticks || *ticks > UINT64_MAX / tick_ns) return std::nullopt;
  return *ticks * tick_ns;
}

ThreadWatch::ThreadWatch(pid_t process, pid_t thread)
    : schedstat_(open_to_read(fmt::format("/proc/{}/task/{}/schedstat", process, thread))),
      thread_(thread) {}

ThreadTimes ThreadWatch::read() const {
  Result<ThreadTimes> times = parse_schedstat(read_from_start(schedstat_));
  // A kernel without these statistics has /proc/PID/schedstat, but all zero (fs/proc/base.c).
  if (!times.ok() || times->timeslices == 0) return ThreadTimes{.thread = thread_};
  times->thread = thread_;
  return *times;
}

// The emulator's main thread has the process id as its thread id.
HostWatch::HostWatch(pid_t emulator, const std::vector<pid_t>& vcpus)
    : emulator_(emulator, emulator), own_(::getpid(), ::gettid()) {
  for (const pid_t thread : vcpus) vcpus_.emplace_back(emulator, thread);
}

HostTimes HostWatch::read() const {
  HostTimes times;
  for (const ThreadWatch& vcpu : vcpus_) times.vcpus.push_back(vcpu.read());
  times.emulator = emulator_.read();
  times.own = own_.read();
  return times;
}

StealWatch::StealWatch() : stat_(open_to_read("/proc/stat")) {}

std::optional<uint64_t> StealWatch::read_ns() const {
  const long ticks_per_second = ::sysconf(_SC_CLK_TCK);
  if (ticks_per_second <= 0) return std::nullopt;
  return parse_stolen(read_from_start(stat_), static_cast<uint64_t>(ticks_per_second));
}

}  // namespace ktape
