// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capture/freeze/freezer.h"
#include "capture/io/agent_channel.h"
#include "capture/record/recorder.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/op_executor.h"
#include "guest/machine/machine.h"
#include "schema/base/result.h"
#include "schema/wire.capnp.h"

namespace ktape {

// Serves the guest's requests in order of arrival; each gets exactly one reply. A request is
// committed to the tape before anything is touched. What happens inside a freeze is recorded after
// the thaw, and the reply is sent last.
//
// A request is served in one freeze, unless a gate refuses it for a temporary reason, such as a
// held lock or a task that is going to sleep. In that case nothing was written, the guest runs on
// for a while, and the whole request is tried again in another freeze, until it is served or its
// time is up. Waiting does not block: the caller calls on_time() when it is due().
//
// Requests that arrive before the kernel is adopted, or while an earlier one waits, are deferred up
// to a limit; the rest are refused.
//
// The methods fail only on errors that end a run: kMachineLost, or a tape that cannot be written.
// Faults of a request go into its reply.
class RequestServer {
 public:
  // All arguments outlive the server.
  RequestServer(Machine& machine, Recorder& recorder, AgentChannel& agent,
                schema::MemoryMode memory)
      : machine_(machine),
        recorder_(recorder),
        agent_(agent),
        freezer_(machine, recorder, memory) {}

  // `guest` is when the agent sent it, in its own time. Called from the event loop only.
  Result<void> request(schema::OpRequest::Reader request, GuestNs guest);

  // The kernel is adopted: serves deferred requests. Takes ownership of `kernel`.
  Result<void> adopted(Kernel kernel);
  // The kernel cannot be adopted: deferred and later requests get `error` as their reply.
  Result<void> adoption_failed(const Error& error);

  [[nodiscard]] const Kernel* kernel() const { return kernel_.get(); }  // nullptr before adoption
  [[nodiscard]] Freezer& freezer() { return freezer_; }
  [[nodiscard]] const Freezer& freezer() const { return freezer_; }

  // Retries a request if that is due.
  Result<void> on_time();
  // When on_time() is due; the far future if no request waits for a retry.
  [[nodiscard]] Machine::Clock::time_point due() const;

  // Freezes a machine that the host stopped for its own reason. `reads` are served in the freeze
  // and recorded as a request of the host with guest id 0; without entries there is no request. The
  // kernel must be adopted.
  Result<void> freeze_for_host(StoppedMachine at, FreezeReason reason,
                               schema::OpRequest::Reader reads);

  [[nodiscard]] uint64_t requests() const { return last_op_; }

 private:
  using Clock = Machine::Clock;
  struct Request {
    uint64_t op = 0;
    uint64_t guest_request = 0;
    schema::OpMode mode = schema::OpMode::COLD;
    std::vector<Op> ops;
    // How long the guest may run until the request is served. The host's own requests are never
    // refused.
    int32_t retry_ms = 0;
    schema::Gate refused_by =
        schema::Gate::NOT_SAID;          // the expected refusal; notSaid: to be served
    uint32_t tries = 0;                  // so far
    std::chrono::nanoseconds waited{0};  // for which the guest ran between tries
  };
  // Between two tries of the first request in `waiting_`.
  struct Pause {
    Clock::time_point since;                 // the thaw
    std::chrono::nanoseconds frozen_before;  // total time the machine was frozen before
    std::chrono::nanoseconds wait;           // how long the guest is to run
  };
  // The result of one try.
  struct Served {
    FreezeInProgress freeze;
    std::vector<OpResult> results;
    bool may_pass = false;  // whether the reason of the refusal is temporary
  };

  Result<void> record_request(const Request& request, schema::OpRequest::Reader from,
                              const Result<std::vector<Op>>& ops, HostNs host, GuestNs guest);
  Result<void> defer(Request request);
  Result<void> serve_waiting();
  // False: it must be tried again.
  Result<bool> serve(Request& request);
  // Serves the ops in a freeze of the machine stopped by `at`, and records the freeze.
  Result<Served> serve_stopped(StoppedMachine at, const FreezeReason& reason,
                               const std::vector<PreparedOp>& prepared, bool writes);
  Result<bool> serve_cold(Request& request);
  Result<void> serve_hot(const Request& request);
  // Starts waiting before the next try, if there is time left.
  bool pause(const Request& request, const FreezeInProgress& freeze);
  // How long the guest has run since the pause began.
  [[nodiscard]] std::chrono::nanoseconds ran(const Pause& pause) const;
  static void fill_reply(const Request& request, uint64_t freeze,
                         const std::vector<OpResult>& results, schema::OpReplied::Builder reply);
  Result<void> record_reply(const Request& request, uint64_t freeze,
                            const std::vector<OpResult>& results);
  Result<void> finish(const Request& request, uint64_t freeze,
                      const std::vector<OpResult>& results);
  Result<void> record_refusal(const Request& request, const std::string& reason);
  Result<void> refuse(const Request& request, const std::string& reason);
  Result<void> send_error(const Request& request, const std::string& error);

  Machine& machine_;
  Recorder& recorder_;
  AgentChannel& agent_;
  Freezer freezer_;
  std::unique_ptr<Kernel> kernel_;        // once adopted
  std::unique_ptr<OpExecutor> executor_;  // of kernel_
  std::optional<std::string> failure_;    // why the kernel cannot be adopted
  std::deque<Request> waiting_;           // in order; all requests until the kernel is adopted
  std::optional<Pause> pause_;
  uint64_t last_op_ = 0;
};

}  // namespace ktape
