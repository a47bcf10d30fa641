// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analyzers/assertion.h"
#include "analyzers/host_waits.h"

namespace ktape {

// An assertion about how long something took. Without --force, a time that the host distorted is
// undecided: a span in which a vCPU waited for a CPU of the host for too large a share of the time,
// under TCG as under KVM. If the tape does not record such waits, all of its time is undecided,
// unless the run's times are those of real hardware.
class TimeAssertion : public Assertion {
 public:
  void visit(const RecordView& record) final;
  void finish(TapeState state) final;
  [[nodiscard]] std::vector<Argument> arguments() final;

 protected:
  // The arguments except --force and --max-host-wait.
  [[nodiscard]] virtual std::vector<Argument> own_arguments() { return {}; }
  virtual void observe(const RecordView& record) = 0;
  // After the last record, if the time may be judged.
  virtual void conclude(TapeState state) = 0;
  // Whether the tape has the records that separate distorted time from other time: run delays of
  // vCPUs, unless overridden.
  [[nodiscard]] virtual bool records_waits() const { return waits_.known(); }

  // Whether spans are judged one by one, by their objections; otherwise all of them may be judged.
  // After the last record.
  [[nodiscard]] bool by_waits() const { return by_waits_; }
  // Why the time between two host times may not be judged; nothing if it may. After the last
  // record.
  [[nodiscard]] std::optional<Finding> objection(uint64_t from_ns, uint64_t to_ns) const;
  // The same for a span in which it is known how long `who` waited; may be called at any time.
  [[nodiscard]] std::optional<std::string> objection_to_wait(const std::string& who,
                                                             uint64_t waited_ns,
                                                             uint64_t of_ns) const;
  [[nodiscard]] const HostWaits& waits() const { return waits_; }

 private:
  bool force_ = false;
  bool run_seen_ = false;
  bool by_waits_ = false;             // the tape records waits, and spans are judged by them
  std::optional<Finding> objection_;  // why the time is not real
  HostWaits waits_;
};

}  // namespace ktape
