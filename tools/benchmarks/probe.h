// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "guest/machine/qemu_machine.h"
#include "schema/wire.capnp.h"
#include "schema/wire/frame.h"
#include "tools/benchmarks/bare_control.h"

namespace ktape::bench {

// Nanoseconds, one per pair.
struct Samples {
  std::vector<uint64_t> floor, ours;
};

// A machine as the engine sees it, with a stopwatch between the two. The engine and the floor serve
// the guest's requests in turns; the floor stops the machine, reads its registers, thaws it and
// answers with the engine's last reply, so that the guest has as much to read; neither guest nor
// engine notices.
class Probe final : public Machine, private FreezeBackend {
 public:
  // The machine outlives the probe. The first `warm_up` requests are not counted.
  Probe(QemuMachine& machine, uint32_t cpus, uint32_t warm_up);

  // Called when the guest reports the start of a step of this name, before the engine sees it.
  void on_step(std::string name, std::function<void()> act);

  // The worker that was started last.
  struct Worker {
    int32_t pid = 0;
    uint64_t start_boottime_ns = 0;
  };
  [[nodiscard]] Worker worker() const { return worker_; }

  // From the request to stop until the machine runs again.
  [[nodiscard]] const Samples& freezes() const { return freezes_; }
  // The parts of ours: until every vCPU had stopped and its registers were known, the work after
  // that, and until it ran again.
  struct Parts {
    std::vector<uint64_t> stop, still, go_on;
  };
  [[nodiscard]] const Parts& parts() const { return parts_; }
  // From a request until the next one, which the guest sends as soon as it has its reply.
  [[nodiscard]] const Samples& requests() const { return requests_; }

  // Machine
  [[nodiscard]] const MachineFacts& facts() const override { return machine_.facts(); }
  [[nodiscard]] Result<MachineEvent> wait(Clock::time_point deadline, int wake_fd) override;
  [[nodiscard]] Result<void> send_to_agent(std::span<const std::byte> bytes) override;
  [[nodiscard]] Result<void> check() override { return machine_.check(); }
  [[nodiscard]] Result<Frozen> freeze() override;
  [[nodiscard]] const GuestMemory& live_memory() const override { return machine_.live_memory(); }
  [[nodiscard]] HostTimes host_times() const override { return machine_.host_times(); }
  void end() override { machine_.end(); }

 private:
  // FreezeBackend
  WritableGuestMemory& writable_memory() override { return frozen_->memory(); }
  Result<std::vector<VcpuRegisters>> registers() override { return frozen_->registers(); }
  Result<void> set_breakpoint(GuestVirtual address) override {
    return frozen_->set_breakpoint(address);
  }
  Result<void> clear_breakpoint(GuestVirtual address) override {
    return frozen_->clear_breakpoint(address);
  }
  Result<void> thaw() override;

  Result<void> take(std::span<const std::byte> bytes);
  // Whether it is a request for the engine.
  bool on_request(uint64_t id, Clock::time_point came);
  void serve(uint64_t id);

  QemuMachine& machine_;
  BareControl bare_;
  uint32_t warm_up_;
  std::string step_;
  std::function<void()> act_;
  FrameDecoder decoder_, to_agent_;
  std::optional<FrameMessage> last_reply_;  // the engine's
  Worker worker_;
  std::deque<MachineEvent> events_;
  std::optional<Frozen> frozen_;
  Clock::time_point froze_, stood_;
  Clock::time_point last_came_;
  uint64_t requests_seen_ = 0;
  bool by_floor_ = false;  // the floor serves the current request
  Samples freezes_, requests_;
  Parts parts_;
};

}  // namespace ktape::bench
