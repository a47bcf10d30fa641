// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzers/assertion.h"

namespace ktape {

// Of a span of time in which a vCPU waited for a CPU of the host for a larger part than this, a
// guest's clocks tell what the host did. A scheduler's own delays are a few percent of a loaded
// machine's time.
inline constexpr uint64_t kMaxHostWaitPercent = 5;

// What of a run's time is the host's doing, found out while the records of its tape go by.
//
// A window reaches from one reading of the vCPUs' run delays to the next (see RunDelays in
// record.capnp), without what the machine was frozen in it. One that is short counts together with
// its neighbour, for a wait of a millisecond is a large part of two. A window is good when no vCPU
// waited for a larger part of it than is allowed, the hypervisor below a host that is a guest
// itself took no larger part either, and the guest's clock stood still in freezes.
//
// What it keeps is bounded, whatever the tape's length: of very many bad windows the last ones
// count as one.
class HostWaits {
 public:
  void allow_percent(uint64_t percent) { most_percent_ = percent; }

  void visit(const RecordView& record);
  // After the last record.
  void finish();

  // Whether the tape tells of run delays at all.
  [[nodiscard]] bool told() const { return covered_.has_value(); }
  // Why what happened between two host times cannot be judged; nothing: it lies in good windows.
  // After finish().
  [[nodiscard]] std::optional<Finding> objection(uint64_t from_ns, uint64_t to_ns) const;
  // Whether so much of a span is more than is allowed.
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
    uint64_t running_ns = 0;  // host time without what the machine was frozen
    std::vector<Vcpu> vcpus;
    std::optional<uint64_t> stolen_ns;
    uint64_t freezes = 0;  // by then
    bool runs_on = false;  // the guest's clock does not stand still in freezes
  };
  struct Span {
    uint64_t from_ns = 0, to_ns = 0;
  };
  struct BadSpan {
    Span span;
    Finding why;
  };

  void take(Reading reading);
  void judge(const Reading& from, const Reading& to, uint64_t span_from_ns);
  // What is wrong with a window; empty: nothing.
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
