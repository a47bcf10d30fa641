// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guest/machine/gdb_packet.h"
#include "schema/base/file.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// QEMU's gdbstub over a connected socket. It stops and resumes the machine in less time than QMP,
// whose commands are handed from one thread of QEMU's to another. Connecting pauses a machine that
// runs.
class GdbClient {
 public:
  using Clock = std::chrono::steady_clock;

  // Makes vCPUs addressable. kMachineLost where the stub does not answer.
  [[nodiscard]] static Result<std::unique_ptr<GdbClient>> connect(UniqueFd socket,
                                                                  Clock::time_point deadline);

  [[nodiscard]] int fd() const { return socket_.get(); }

  // Stops every vCPU of a machine that may run, and returns the registers of vCPUs 0 to `cpus` - 1.
  // As `registers` fails.
  [[nodiscard]] Result<std::vector<VcpuRegisters>> stop(uint32_t cpus, Clock::time_point deadline);
  // Lets the machine run on. That it does, QMP tells: by its event RESUME.
  [[nodiscard]] Result<void> go_on(Clock::time_point deadline);

  // Registers of vCPUs 0 to `cpus` - 1, which must stand still. kMachineLost when no or no usable
  // answer comes in time, and ever after.
  [[nodiscard]] Result<std::vector<VcpuRegisters>> registers(uint32_t cpus,
                                                             Clock::time_point deadline);

  // Hardware breakpoints on every vCPU, which must stand still. kHost when the stub refuses, e.g.
  // because they are all in use.
  [[nodiscard]] Result<void> set_breakpoint(GuestVirtual address, Clock::time_point deadline);
  [[nodiscard]] Result<void> clear_breakpoint(GuestVirtual address, Clock::time_point deadline);
  // Lets one vCPU execute one instruction while the others stand.
  [[nodiscard]] Result<void> step(uint32_t cpu, Clock::time_point deadline);

 private:
  explicit GdbClient(UniqueFd socket) : socket_(std::move(socket)) {}
  Result<std::vector<VcpuRegisters>> ask_registers(std::string before, uint32_t cpus,
                                                   Clock::time_point deadline);
  Result<std::vector<VcpuRegisters>> exchange_registers(std::string questions, uint32_t cpus,
                                                        Clock::time_point deadline);
  Result<std::string> ask(const std::string& question, Clock::time_point deadline);
  Result<void> change_breakpoint(char verb, GuestVirtual address, Clock::time_point deadline);
  enum class StopReplies { kSkipped, kWanted };
  Result<std::string> answer(Clock::time_point deadline, StopReplies stops = StopReplies::kSkipped);

  UniqueFd socket_;
  GdbPacketDecoder decoder_;
  std::optional<Error> broken_;
};

}  // namespace ktape
