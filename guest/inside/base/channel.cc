// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/base/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "guest/inside/base/sysfs_text.h"

namespace ktape {

namespace {

constexpr char kPortsFolder[] = "/sys/class/virtio-ports";
constexpr size_t kNameLimitBytes = 4096;
constexpr size_t kWriteLimitBytes = 32768;  // the driver's limit for one write
constexpr size_t kReadBytes = 4096;         // the driver's limit for one read
constexpr auto kRetryInterval = std::chrono::milliseconds(5);

std::vector<VirtioPort> list_ports() {
  // There is no udev in the initramfs, so a port is found by the name that QEMU gives it.
  std::vector<VirtioPort> ports;
  std::error_code error;  // no folder yet: no ports yet
  for (const auto& entry : std::filesystem::directory_iterator(kPortsFolder, error)) {
    auto name = read_text_file(entry.path().string() + "/name", kNameLimitBytes);
    ports.push_back({entry.path().filename().string(), name ? *name : std::string()});
  }
  return ports;
}

}  // namespace

Result<std::unique_ptr<Channel>> Channel::open(Clock::time_point deadline) {
  for (;;) {
    if (auto device = find_port(list_ports(), kAgentPortName)) {
      std::string path = "/dev/" + *device;
      UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
      if (!fd.valid()) return system_error(ErrorCode::kHost, "cannot open '" + path + "'");
      return std::unique_ptr<Channel>(new Channel(std::move(fd)));
    }
    if (Clock::now() >= deadline) {
      return Error{ErrorCode::kHost,
                   std::string("no virtio-serial port is named '") + kAgentPortName + "'", ""};
    }
    // The port appears when the device's control queue has been read, some time after the driver is
    // up.
    std::this_thread::sleep_for(kRetryInterval);
  }
}

Result<void> Channel::send(capnp::MessageBuilder& message) {
  KTAPE_ASSIGN(std::vector<std::byte> frame, encode_frame(message));
  for (size_t sent = 0; sent < frame.size();) {
    // A write would block until a host connects.
    if (host_was_there_ && !host_is_there())
      return Error{ErrorCode::kHost, "the host has disconnected", ""};
    ssize_t n =
        ::write(fd_.get(), frame.data() + sent, std::min(kWriteLimitBytes, frame.size() - sent));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(ErrorCode::kHost, "cannot write to the host");
    // Only a first success proves that a host has connected: until then POLLHUP is normal.
    host_was_there_ = true;
    sent += static_cast<size_t>(n);
  }
  return {};
}

bool Channel::host_is_there() const {
  pollfd port{fd_.get(), POLLOUT, 0};
  return ::poll(&port, 1, 0) >= 0 && (port.revents & POLLHUP) == 0;
}

Result<void> Channel::read_some() {
  std::array<std::byte, kReadBytes> buffer;
  ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size());
  if (n < 0 && errno == EINTR) return {};
  if (n < 0) return system_error(ErrorCode::kHost, "cannot read from the host");
  // The driver reports a host that has gone as the end of the file.
  if (n == 0) return Error{ErrorCode::kHost, "the host has disconnected", ""};
  decoder_.feed(std::span(buffer.data(), static_cast<size_t>(n)));
  return {};
}

}  // namespace ktape
