// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/message.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "guest/inside/channel.h"
#include "guest/inside/reporter.h"
#include "guest/inside/schedulers/external_scheduler.h"
#include "guest/inside/schedulers/vtime_scheduler.h"
#include "guest/inside/workers/worker_set.h"
#include "schema/base/result.h"
#include "schema/wire.capnp.h"

namespace ktape {

// What lives as long as the run: the channel, the workers, the scheduler. However it waits, it
// tells the host what happens meanwhile. Errors mean that the host is lost or broke the protocol,
// or that the agent itself failed.
class Session {
 public:
  // Blocks SIGCHLD for this process, to wait for it together with the channel.
  [[nodiscard]] static Result<std::unique_ptr<Session>> create(Channel& channel);

  [[nodiscard]] Reporter& reporter() { return reporter_; }
  [[nodiscard]] const WorkerSet& workers() const { return workers_; }

  // The host's scenario; nothing when it said stop instead.
  [[nodiscard]] Result<std::optional<FrameMessage>> receive_scenario();

  // Each reports what it started.
  [[nodiscard]] Result<void> attach(schema::VtimeScheduler::Reader spec);
  // Waits until the host says that a scheduler was attached, also if it is gone again by then;
  // kHost, with what the kernel or the program's last words tell, when none was in time.
  [[nodiscard]] Result<void> attach(schema::ExternalScheduler::Reader spec);
  [[nodiscard]] Result<void> start_worker(schema::Worker::Reader spec);

  // Reports that a step began, and waits until the host has armed what is to be armed for it, or
  // says stop.
  [[nodiscard]] Result<void> begin_step(uint32_t step, const std::string& name);

  // Tells what kernel and scheduler say of a worker. kNotFound where it is gone.
  [[nodiscard]] Result<void> report_facts(const RunningWorker& worker);

  // Waits until the deadline, until `until` holds, or until the host says stop.
  [[nodiscard]] Result<void> wait(Clock::time_point deadline, const std::function<bool()>& until);
  [[nodiscard]] Result<void> wait(Clock::time_point deadline) {
    return wait(deadline, [] { return false; });
  }

  // The external scheduler's program has ended, and what it printed has been sent.
  [[nodiscard]] bool program_ended() const {
    return external_ != nullptr && external_->has_ended();
  }

  // Waits for the reply to a request that was sent; nothing when the host said stop instead.
  [[nodiscard]] Result<std::optional<FrameMessage>> receive_reply(uint64_t request);

  // Reports how far each worker came, takes real-time policies from those that still run, and
  // detaches the scheduler; waits until the host has its exit.
  [[nodiscard]] Result<void> end();

  // The host asked for the end.
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  Session(Channel& channel, UniqueFd children)
      : channel_(channel), reporter_(channel), children_(std::move(children)) {}

  Result<void> wait_once(std::chrono::milliseconds at_most);
  Result<void> take_messages();
  Result<void> take_news(FrameMessage& message);
  Result<void> reap_children();
  Result<void> report_worker_exit(const WorkerExit& exit);
  Result<void> report_scheduler_exit();
  Result<void> end_external_scheduler();

  Channel& channel_;
  Reporter reporter_;
  UniqueFd children_;  // signalfd of SIGCHLD
  WorkerSet workers_;
  std::unique_ptr<VtimeScheduler> scheduler_;
  std::unique_ptr<ExternalScheduler> external_;
  bool schedulers_settled_ = false;
  std::optional<uint32_t> ready_step_;
  std::optional<FrameMessage> scenario_;
  std::optional<FrameMessage> reply_;
  bool stopped_ = false;
};

}  // namespace ktape
