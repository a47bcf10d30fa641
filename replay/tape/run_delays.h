// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/tape/reading/reader.h"

namespace ktape {

// How long a vCPU's thread ran and waited on the host in some span of time.
struct VcpuWait {
  uint32_t vcpu = 0;
  bool known = false;
  uint64_t ran_ns = 0;
  uint64_t waited_ns = 0;  // it was runnable, but got no CPU of the host
};

// The vCPUs' times in a span; `running_ns` is the part of it in which the machine was not frozen.
struct HostSpan {
  uint64_t running_ns = 0;
  std::vector<VcpuWait> vcpus;
};

// The run delays on a tape, summed up while its records go by.
class RunDelayFold {
 public:
  void visit(const RecordView& record);

  // Whether there were two readings to take a difference of.
  [[nodiscard]] bool known() const { return readings_ > 1; }
  // From the reading before the last to the last; from the first to the last.
  [[nodiscard]] const HostSpan& last() const { return last_span_; }
  [[nodiscard]] HostSpan all() const;

 private:
  struct Reading {
    uint64_t running_ns = 0;  // host time without the time in freezes
    std::vector<VcpuWait> vcpus;
  };
  [[nodiscard]] static HostSpan between(const Reading& from, const Reading& to);

  uint64_t readings_ = 0;
  uint64_t frozen_ns_ = 0;
  Reading first_, latest_;
  HostSpan last_span_;
};

// "CPU 0 12.3 ms (2.4 %), CPU 1 none"; with many vCPUs, those that waited longest.
[[nodiscard]] std::string waits_text(const HostSpan& span);

}  // namespace ktape
