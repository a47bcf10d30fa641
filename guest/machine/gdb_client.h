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

// A client of QEMU's gdbstub over a connected socket. It stops and resumes the machine faster than
// QMP, whose commands are passed between QEMU threads. Connecting pauses a running machine. Not
// thread-safe. After a failed exchange the client is broken: every later call returns that first
// error, because an answer that comes late would be taken for the answer to another question.
class GdbClient {
 public:
  using Clock = std::chrono::steady_clock;

  // Takes over the socket, which must not block. Makes vCPUs addressable. kMachineLost if the stub
  // does not answer before `deadline`.
  [[nodiscard]] static Result<std::unique_ptr<GdbClient>> connect(UniqueFd socket,
                                                                  Clock::time_point deadline);

  [[nodiscard]] int fd() const { return socket_.get(); }

  // Stops every vCPU of a machine that may be running, and returns the registers of vCPUs 0 to
  // `cpus` - 1. Fails like `registers`.
  [[nodiscard]] Result<std::vector<VcpuRegisters>> stop(uint32_t cpus, Clock::time_point deadline);
  // Resumes the machine and does not wait for it: the stub sends no answer. QMP confirms it with
  // the event RESUME.
  [[nodiscard]] Result<void> go_on(Clock::time_point deadline);

  // Registers of vCPUs 0 to `cpus` - 1, which must be stopped. kMachineLost if no usable answer
  // comes in time; every later call then fails the same way.
  [[nodiscard]] Result<std::vector<VcpuRegisters>> registers(uint32_t cpus,
                                                             Clock::time_point deadline);

  // Hardware breakpoints on every vCPU; all vCPUs must be stopped. kHost if the stub refuses, e.g.
  // because all are in use.
  [[nodiscard]] Result<void> set_breakpoint(GuestVirtual address, Clock::time_point deadline);
  [[nodiscard]] Result<void> clear_breakpoint(GuestVirtual address, Clock::time_point deadline);
  // Makes one vCPU execute one instruction while the others stay stopped. kMachineLost if no stop
  // reply comes. Sends STOP and RESUME events over QMP, which the caller has to drop.
  [[nodiscard]] Result<void> step(uint32_t cpu, Clock::time_point deadline);

 private:
  explicit GdbClient(UniqueFd socket) : socket_(std::move(socket)) {}
  Result<std::vector<VcpuRegisters>> ask_registers(std::string before, uint32_t cpus,
                                                   Clock::time_point deadline);
  Result<std::vector<VcpuRegisters>> exchange_registers(std::string questions, uint32_t cpus,
                                                        Clock::time_point deadline);
  Result<std::string> ask(const std::string& question, Clock::time_point deadline);
  Result<void> change_breakpoint(char verb, GuestVirtual address, Clock::time_point deadline);
  // Stop replies come unasked whenever the machine stops, so between any question and its answer
  // there may be some. Only `step` has no other answer than a stop reply.
  enum class StopReplies { kSkipped, kWanted };
  Result<std::string> answer(Clock::time_point deadline, StopReplies stops = StopReplies::kSkipped);

  UniqueFd socket_;
  GdbPacketDecoder decoder_;
  std::optional<Error> broken_;
};

}  // namespace ktape
