// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzers/assertion.h"

namespace ktape {

// If a vCPU waited for a CPU of the host for a larger share of a span of time than this, the
// guest's clocks measure the host. On a loaded machine a scheduler's own delays are a few percent
// of the time.
inline constexpr uint64_t kMaxHostWaitPercent = 5;

// Which parts of a run's time the host distorted, computed while the records of its tape go by.
//
// A window reaches from one reading of the vCPUs' run delays to the next (see RunDelays in
// record.capnp), minus the time in it for which the machine was frozen. A short window counts
// together with its neighbour, because a wait of one millisecond is a large share of two. A window
// is good if no vCPU waited for a larger share of it than allowed, if the hypervisor below a host
// that is itself a guest took no larger share either, and if the guest's clock stopped in freezes.
//
// Its memory is bounded, whatever the tape's length: if there are very many bad windows, the last
// ones count as one.
class HostWaits {
 public:
  void allow_percent(uint64_t percent) { most_percent_ = percent; }

  void visit(const RecordView& record);
  // After the last record.
  void finish();

  // Whether the tape has run delays at all.
  [[nodiscard]] bool known() const { return covered_.has_value(); }
  // Why the time between two host times cannot be judged; nothing if it lies in good windows. After
  // finish(). Overlapping a bad window in part is enough for an objection.
  [[nodiscard]] std::optional<Finding> objection(uint64_t from_ns, uint64_t to_ns) const;
  // Whether this share of a span is more than allowed.
  [[nodiscard]] bool is_too_much(uint64_t waited_ns, uint64_t of_ns) const;
  [[nodiscard]] uint64_t most_percent() const { return most_percent_; }

  // Host time for which the machine was frozen so far.
  [[nodiscard]] uint64_t frozen_ns() const { return frozen_ns_; }

 private:
  struct Vcpu {
    bool known = false;
    int32_t thread = 0;
    uint64_t waited_ns = 0;
  };
  struct Reading {
    Seq seq;
    uint64_t host_ns = 0;
    uint64_t running_ns = 0;  // host time minus the time for which the machine was frozen
    std::vector<Vcpu> vcpus;
    std::optional<uint64_t> stolen_ns;
    uint64_t freezes = 0;  // number of freezes up to this reading
    bool runs_on = false;  // the guest's clock does not stop in freezes
  };
  struct Span {
    uint64_t from_ns = 0, to_ns = 0;
  };
  struct BadSpan {
    Span span;
    Finding why;
  };

  void take(Reading reading);
  void evaluate(const Reading& from, const Reading& to, uint64_t span_from_ns);
  // What is wrong with a window; empty if it is good.
  [[nodiscard]] std::string fault(const Reading& from, const Reading& to) const;
  [[nodiscard]] std::string fault_of(size_t vcpu, const Reading& from, const Reading& to,
                                     uint64_t length_ns) const;

  uint64_t most_percent_ = kMaxHostWaitPercent;
  bool kvm_ = false;
  bool clock_is_tsc_ = false;
  uint64_t frozen_ns_ = 0;
  uint64_t freezes_ = 0;
  std::optional<Span> covered_;            // from the first reading to the last
  std::optional<Reading> before_, start_;  // of the window before this one, and of this one
  std::optional<Reading> last_;
  std::vector<BadSpan> bad_;  // in order
};

// "12.345 ms"
[[nodiscard]] std::string milliseconds(uint64_t ns);

}  // namespace ktape
