// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/doomed_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <utility>

namespace ktape::test {

namespace {

void report(int fd, uint64_t number) {
  if (::write(fd, &number, sizeof number) != sizeof number) ::_exit(9);
}

[[noreturn]] void live(const std::function<void(const DoomedProcess::Report&)>& work, int reports) {
  try {
    work([&](uint64_t number) { report(reports, number); });
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "%s\n", exception.what());
    ::_exit(8);
  }
  ::_exit(0);
}

}  // namespace

DoomedProcess::DoomedProcess(const std::function<void(const Report&)>& work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
  child_ = ::fork();
  if (child_ < 0) throw std::runtime_error("cannot fork");
  if (child_ == 0) {
    ::close(ends[0]);
    live(work, ends[1]);
  }
  ::close(ends[1]);
  reports_ = UniqueFd(ends[0]);
}

DoomedProcess::~DoomedProcess() {
  if (child_ > 0) kill_after(std::chrono::microseconds(0));
}

// Waits until there is something to read, or the other side is gone; false at `moment`.
bool DoomedProcess::report_comes_before(Clock::time_point moment) const {
  pollfd ready = {reports_.get(), POLLIN, 0};
  if (moment == Clock::time_point::max()) return ::poll(&ready, 1, -1) > 0;
  const auto left =
      std::chrono::duration_cast<std::chrono::nanoseconds>(moment - Clock::now()).count();
  if (left <= 0) return false;
  const timespec wait = {left / 1'000'000'000, left % 1'000'000'000};
  return ::ppoll(&ready, 1, &wait, nullptr) > 0;
}

bool DoomedProcess::kill_after(uint64_t number, std::chrono::microseconds time) {
  auto moment = number == 0 ? Clock::now() + time : Clock::time_point::max();
  bool killed = false;
  for (;;) {
    if (!killed && !report_comes_before(moment)) {
      ::kill(child_, SIGKILL);
      killed = true;
    }
    uint64_t printed = 0;
    if (::read(reports_.get(), &printed, sizeof printed) != sizeof printed) break;
    reported_ = true;
    last_report_ = printed;
    if (moment == Clock::time_point::max() && printed >= number) moment = Clock::now() + time;
  }
  int status = 0;
  ::waitpid(std::exchange(child_, -1), &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
    throw std::runtime_error("the process failed by itself");
  return WIFSIGNALED(status);
}

}  // namespace ktape::test
