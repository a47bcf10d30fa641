// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/message.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "guest/inside/base/channel.h"
#include "guest/inside/base/reporter.h"
#include "guest/inside/schedulers/external_scheduler.h"
#include "guest/inside/schedulers/vtime_scheduler.h"
#include "guest/inside/workers/worker_set.h"
#include "schema/base/result.h"
#include "schema/wire.capnp.h"

namespace ktape {

// Everything that lives as long as the run: the channel, the workers, the scheduler. While it
// waits, it reports events to the host. Errors mean that the host is gone or broke the protocol, or
// that the agent itself failed.
class Session {
 public:
  // Blocks SIGCHLD in this process, to wait for it together with the channel. `channel` outlives
  // the session.
  [[nodiscard]] static Result<std::unique_ptr<Session>> create(Channel& channel);

  [[nodiscard]] Reporter& reporter() { return reporter_; }
  [[nodiscard]] const WorkerSet& workers() const { return workers_; }

  // The host's scenario; nothing if the host sent stop instead.
  [[nodiscard]] Result<std::optional<FrameMessage>> receive_scenario();

  // Each reports what it started.
  [[nodiscard]] Result<void> attach(schema::VtimeScheduler::Reader spec);
  // Waits until the host reports that a scheduler was attached, even if it is gone again by then.
  // kHost, with the kernel's reason or the program's last output, if none was attached in time.
  [[nodiscard]] Result<void> attach(schema::ExternalScheduler::Reader spec);
  [[nodiscard]] Result<void> start_worker(schema::Worker::Reader spec);

  // Reports that a step began, and waits until the host has armed its triggers for it, or sends
  // stop.
  [[nodiscard]] Result<void> begin_step(uint32_t step, const std::string& name);

  // Reports what kernel and scheduler say about a worker. kNotFound if it is gone.
  [[nodiscard]] Result<void> report_facts(const RunningWorker& worker);

  // Waits until the deadline, until `until` holds, or until the host sends stop. Events are handled
  // meanwhile, in order of arrival. Returns without an error in all three cases; ask stopped().
  [[nodiscard]] Result<void> wait(Clock::time_point deadline, const std::function<bool()>& until);
  [[nodiscard]] Result<void> wait(Clock::time_point deadline) {
    return wait(deadline, [] { return false; });
  }

  // The external scheduler's program has ended, and its output has been sent.
  [[nodiscard]] bool program_ended() const {
    return external_ != nullptr && external_->has_ended();
  }

  // Waits for the reply to a request; nothing if the host sent stop instead.
  [[nodiscard]] Result<std::optional<FrameMessage>> receive_reply(uint64_t request);

  // Reports the progress of each worker, removes the real-time policies of those still running, and
  // detaches the scheduler. Waits until the host has seen its exit.
  [[nodiscard]] Result<void> end();

  // The host requested the end.
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
