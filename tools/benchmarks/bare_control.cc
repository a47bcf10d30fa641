// SPDX-License-Identifier: Apache-2.0
#include "tools/benchmarks/bare_control.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "guest/machine/gdb_packet.h"

namespace ktape::bench {

namespace {

constexpr size_t kBufferBytes = size_t{256} << 10;  // more than the registers of 64 vCPUs

void send_all(int fd, const void* bytes, size_t size) {
  if (::send(fd, bytes, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size)) return;
  std::perror("cannot write to QEMU");
  std::exit(4);
}

}  // namespace

// A machine makes them in this order, and each has the lowest number that is free.
Channels channels_of_qemu() {
  std::vector<int> sockets;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    const std::string target = std::filesystem::read_symlink(entry.path(), ignored);
    const int fd = std::stoi(entry.path().filename());
    if (fd > STDERR_FILENO && target.starts_with("socket:")) sockets.push_back(fd);
  }
  std::sort(sockets.begin(), sockets.end());
  if (sockets.size() == 3) return {sockets[0], sockets[1], sockets[2]};
  std::fprintf(stderr, "%zu sockets, expected the 3 of QEMU\n", sockets.size());
  std::exit(4);
}

BareControl::BareControl(Channels channels, uint32_t cpus)
    : channels_(channels), cpus_(cpus), buffer_(kBufferBytes) {
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
    char choose[32];
    std::snprintf(choose, sizeof(choose), "Hgp1.%x", cpu + 1);
    register_questions_ += encode_gdb_packet(choose) + encode_gdb_packet("g");
  }
}

size_t BareControl::receive(int fd, size_t have) {
  pollfd readable{fd, POLLIN, 0};
  ::poll(&readable, 1, -1);
  const ssize_t got = ::recv(fd, buffer_.data() + have, buffer_.size() - have, 0);
  if (got > 0) return static_cast<size_t>(got);
  std::perror("cannot read from QEMU");
  std::exit(4);
}

std::string_view BareControl::ask_qmp(std::string_view request) {
  send_all(channels_.qmp, request.data(), request.size());
  for (size_t have = 0;;) {
    have += receive(channels_.qmp, have);
    const std::string_view text(buffer_.data(), have);
    if (text.back() == '\n' && text.find("\"return\"") != std::string_view::npos) return text;
  }
}

void BareControl::registers() {
  send_all(channels_.gdb, register_questions_.data(), register_questions_.size());
  // Two answers per vCPU, each ending in '#' and two digits; QEMU may also report the stop, with a
  // 'T'.
  size_t have = 0;
  for (ssize_t answers = 0;
       answers < 2 * static_cast<ssize_t>(cpus_) || buffer_[have - 3] != '#';) {
    const size_t got = receive(channels_.gdb, have);
    answers += std::count(buffer_.data() + have, buffer_.data() + have + got, '#') -
               std::count(buffer_.data() + have, buffer_.data() + have + got, 'T');
    have += got;
  }
}

std::string_view BareControl::xp(uint64_t address, char size) {
  char request[128];
  const int length = std::snprintf(request, sizeof(request),
                                   "{\"execute\":\"human-monitor-command\",\"arguments\":"
                                   "{\"command-line\":\"xp /1%cx 0x%lx\"}}\n",
                                   size, address);
  return ask_qmp({request, static_cast<size_t>(length)});
}

void BareControl::to_agent(const std::vector<std::byte>& bytes) {
  send_all(channels_.agent, bytes.data(), bytes.size());
}

}  // namespace ktape::bench
