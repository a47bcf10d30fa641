// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capture/agent_channel.h"
#include "capture/freezer.h"
#include "capture/recorder.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/op_executor.h"
#include "guest/machine/machine.h"
#include "schema/base/result.h"
#include "schema/wire.capnp.h"

namespace ktape {

// Serves the guest's requests: one freeze each, in the order of arrival, every one with exactly one
// reply. A request is committed to the tape before anything is touched; what happened inside a freeze
// is recorded after the thaw, and the guest hears last. Requests that come before the kernel is
// adopted are deferred, so many; further ones are refused.
//
// The methods fail only for what ends a run: kMachineLost, or a tape that cannot be written. What is
// wrong with a request goes into its reply.
class FreezeCoordinator {
 public:
  FreezeCoordinator(Machine& machine, Recorder& recorder, AgentChannel& agent, schema::MemoryMode memory)
      : machine_(machine), recorder_(recorder), agent_(agent), freezer_(machine, recorder, memory) {}

  Result<void> request(schema::OpRequest::Reader request, GuestNs guest);

  // The kernel is known: deferred requests are served now. `kernel` is kept.
  Result<void> adopted(Kernel kernel);
  // It never will be: deferred and later requests get `error` as their reply.
  Result<void> adoption_failed(const Error& error);

  [[nodiscard]] const Kernel* kernel() const { return kernel_.get(); }  // nullptr before adoption
  [[nodiscard]] Freezer& freezer() { return freezer_; }
  [[nodiscard]] const Freezer& freezer() const { return freezer_; }

  // Makes a freeze of a machine that the host stopped for a reason of its own. `reads` are served in it
  // and go on the tape as a request of the host's, with the guest's id 0; without entries there is none.
  // The kernel is adopted.
  Result<void> freeze_for_host(Standstill at, FreezeReason reason, schema::OpRequest::Reader reads);

  [[nodiscard]] uint64_t requests() const { return last_op_; }

 private:
  struct Request {
    uint64_t op = 0;
    uint64_t guest_request = 0;
    schema::OpMode mode = schema::OpMode::COLD;
    std::vector<Op> ops;
  };

  Result<void> record_request(const Request& request, schema::OpRequest::Reader from,
                              const Result<std::vector<Op>>& ops, HostNs host, GuestNs guest);
  Result<void> serve(const Request& request);
  // `ops` outlive it.
  FreezeWork serving(const std::vector<Op>& ops);
  Result<void> serve_cold(const Request& request);
  Result<void> serve_hot(const Request& request);
  Result<void> finish(const Request& request, uint64_t freeze, const std::vector<OpResult>& results);
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
  std::deque<Request> deferred_;
  uint64_t last_op_ = 0;
};

}  // namespace ktape
