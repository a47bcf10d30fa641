// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/io.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "schema/base/pipe.h"

namespace ktape {

using Clock = std::chrono::steady_clock;

Result<bool> poll_until(std::span<pollfd> fds, Clock::time_point deadline) {
  for (;;) {
    auto now = Clock::now();
    // Compared before subtracting: a deadline may be Clock's minimum.
    auto left = deadline > now ? deadline - now : Clock::duration::zero();
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(left - seconds);
    timespec timeout{seconds.count(), rest.count()};
    // ppoll(), because poll() counts in milliseconds, and the first retry of a request waits for
    // one only.
    int n = ::ppoll(fds.data(), fds.size(), &timeout, nullptr);
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return system_error(ErrorCode::kHost, "cannot poll");
    // A timeout rounded down by the kernel must not be reported before the deadline has passed.
    if (n == 0 && deadline <= Clock::now()) return false;
  }
}

Result<SocketPair> socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return system_error(ErrorCode::kHost, "cannot make a socket pair");
  }
  // Only our end is made non-blocking: O_NONBLOCK belongs to each end of a socket pair, and QEMU
  // sets its own.
  SocketPair pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
  if (::fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0) {
    return system_error(ErrorCode::kHost, "cannot make a socket non-blocking");
  }
  return pair;
}

Result<ReadResult> read_some(int fd, size_t limit_bytes) {
  ReadResult result;
  result.bytes.resize(limit_bytes);
  const ssize_t n = read_through_signals(fd, result.bytes.data(), limit_bytes);
  result.bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
  // A killed QEMU with unread input resets the connection instead of closing it.
  if (n == 0 || (n < 0 && errno == ECONNRESET)) {
    result.ended = true;
  } else if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
    return system_error(ErrorCode::kHost, "cannot read from the machine");
  }
  return result;
}

// send(), not write(): SIGPIPE from a QEMU that has gone would end the recorder.
Result<size_t> write_some(int fd, std::span<const std::byte> bytes) {
  ssize_t n = 0;
  do {
    n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return static_cast<size_t>(n);
  if (errno == EAGAIN || errno == EWOULDBLOCK) return size_t{0};
  return system_error(ErrorCode::kMachineLost, "cannot write to the machine");
}

Result<void> write_all(int fd, std::span<const std::byte> bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    KTAPE_ASSIGN(size_t written, write_some(fd, bytes));
    bytes = bytes.subspan(written);
    if (written > 0) continue;
    pollfd writable{fd, POLLOUT, 0};
    KTAPE_ASSIGN(bool ready, poll_until({&writable, 1}, deadline));
    if (!ready) return Error{ErrorCode::kMachineLost, "the machine does not accept data", ""};
  }
  return {};
}

Error machine_lost(std::string message) {
  return Error{ErrorCode::kMachineLost, std::move(message), ""};
}

}  // namespace ktape
