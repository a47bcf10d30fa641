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
#include "capture/record/recorder.h"
#include "capture/run/agent_channel.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/ops/op_executor.h"
#include "guest/machine/machine.h"
#include "schema/base/result.h"
#include "schema/wire.capnp.h"

namespace ktape {

// Serves the guest's requests, in the order of arrival, every one with exactly one reply. A request
// is committed to the tape before anything is touched; what happened inside a freeze is recorded
// after the thaw, and the guest hears last.
//
// One freeze serves a request, unless something refuses it that passes: a lock that is held just
// then, a task in the middle of going to sleep. Then nothing was written, the guest runs on for a
// while, and the request is tried again in another freeze, whole, until it is served or it has been
// waited for long enough. That is no reason to stand still: whoever drives the run calls on_time()
// when it is due().
//
// Requests that come before the kernel is adopted, or while an earlier one waits, are deferred, so
// many; further ones are refused.
//
// The methods fail only for what ends a run: kMachineLost, or a tape that cannot be written. What
// is wrong with a request goes into its reply.
class RequestServer {
 public:
  RequestServer(Machine& machine, Recorder& recorder, AgentChannel& agent,
                schema::MemoryMode memory)
      : machine_(machine),
        recorder_(recorder),
        agent_(agent),
        freezer_(machine, recorder, memory) {}

  Result<void> request(schema::OpRequest::Reader request, GuestNs guest);

  // The kernel is known: deferred requests are served now. `kernel` is kept.
  Result<void> adopted(Kernel kernel);
  // It never will be: deferred and later requests get `error` as their reply.
  Result<void> adoption_failed(const Error& error);

  [[nodiscard]] const Kernel* kernel() const { return kernel_.get(); }  // nullptr before adoption
  [[nodiscard]] Freezer& freezer() { return freezer_; }
  [[nodiscard]] const Freezer& freezer() const { return freezer_; }

  // Tries a request again if that is due.
  Result<void> on_time();
  // When on_time() has something to do; the far future when no request waits to be tried again.
  [[nodiscard]] Machine::Clock::time_point due() const;

  // Makes a freeze of a machine that the host stopped for a reason of its own. `reads` are served
  // in it and go on the tape as a request of the host's, with the guest's id 0; without entries
  // there is none. The kernel is adopted.
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
    // How long the guest may run until it is served; the host's own are never refused.
    int32_t retry_ms = 0;
    schema::Gate refused_by = schema::Gate::NOT_SAID;  // that is expected; notSaid: to be done
    uint32_t tries = 0;                                // so far
    std::chrono::nanoseconds waited{0};                // that the guest ran between them
  };
  // Between two tries of the first of `waiting_`.
  struct Pause {
    Clock::time_point since;                 // the thaw
    std::chrono::nanoseconds frozen_before;  // the machine's time at a standstill, until then
    std::chrono::nanoseconds wait;           // the guest is to run so long
  };
  // What a request's freeze brought.
  struct Served {
    FreezeInProgress freeze;
    std::vector<OpResult> results;
    bool may_pass = false;  // what refused it
  };

  Result<void> record_request(const Request& request, schema::OpRequest::Reader from,
                              const Result<std::vector<Op>>& ops, HostNs host, GuestNs guest);
  Result<void> defer(Request request);
  Result<void> serve_waiting();
  // False: it is to be tried again.
  Result<bool> serve(Request& request);
  // Serves the ops in a freeze of the machine that `at` stopped, and records the freeze.
  Result<Served> serve_stopped(StoppedMachine at, const FreezeReason& reason,
                               const PreparedOps& prepared, bool writes);
  Result<bool> serve_cold(Request& request);
  Result<void> serve_hot(const Request& request);
  // Begins to wait for what refused it, if there is time left.
  bool pause(const Request& request, const FreezeInProgress& freeze);
  // How long the guest has run since then.
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
  std::unique_ptr<Kernel> kernel_;        // adopted
  std::unique_ptr<OpExecutor> executor_;  // of kernel_
  std::optional<std::string> failure_;    // why it never will be
  std::deque<Request> waiting_;           // in order; all of them until the kernel is adopted
  std::optional<Pause> pause_;
  uint64_t last_op_ = 0;
};

}  // namespace ktape
