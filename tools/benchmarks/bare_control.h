// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ktape::bench {

// The sockets to the one QEMU of this process.
struct Channels {
  int qmp, gdb, agent;
};
// Of a machine that has been started, found among the descriptors of this process: QemuMachine has
// no need to tell. They are valid as long as the machine is. Ends the program where they are not
// three.
[[nodiscard]] Channels channels_of_qemu();

// What a freeze cannot do without, in the shortest code that does it: bytes to and from the sockets
// of a machine's QEMU, nothing parsed, nothing kept. The machine must have nothing under way there.
// A QEMU that does not answer ends the program.
class BareControl {
 public:
  BareControl(Channels channels, uint32_t cpus);

  void stop() { ask_qmp("{\"execute\":\"stop\"}\n"); }
  void go_on() { ask_qmp("{\"execute\":\"cont\"}\n"); }
  // Reads the registers of every vCPU and ignores them.
  void registers();
  // One guest-physical value by the monitor's `xp`, with its size as in xp ('w': 4 bytes, 'g': 8):
  // returns QEMU's answer.
  std::string_view xp(uint64_t address, char size);
  void to_agent(const std::vector<std::byte>& bytes);

 private:
  std::string_view ask_qmp(std::string_view request);
  size_t receive(int fd, size_t have);

  Channels channels_;
  uint32_t cpus_;
  std::string register_questions_;
  std::vector<char> buffer_;
};

}  // namespace ktape::bench
