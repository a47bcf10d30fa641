// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "guest/machine/qemu_machine.h"

namespace ktape::bench {

// What a freeze cannot do without, in the shortest code that does it: bytes to and from the sockets
// of a machine's QEMU, nothing parsed, nothing kept. The machine must have nothing under way there.
// A QEMU that does not answer ends the program.
class BareControl {
 public:
  BareControl(QemuMachine::Channels channels, uint32_t cpus);

  void stop() { ask_qmp("{\"execute\":\"stop\"}\n"); }
  void go_on() { ask_qmp("{\"execute\":\"cont\"}\n"); }
  // Registers of every vCPU, which are not looked at.
  void registers();
  // One guest-physical value by the monitor's `xp`, of a size in its words ('w': 4 bytes, 'g': 8):
  // the answer as QEMU words it.
  std::string_view xp(uint64_t address, char size);
  void to_agent(const std::vector<std::byte>& bytes);

 private:
  std::string_view ask_qmp(std::string_view request);
  size_t receive(int fd, size_t have);

  QemuMachine::Channels channels_;
  uint32_t cpus_;
  std::string register_questions_;
  std::vector<char> buffer_;
};

}  // namespace ktape::bench
