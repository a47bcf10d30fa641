// SPDX-License-Identifier: Apache-2.0
#include "capture/record/run_delays.h"

#include <algorithm>

namespace ktape {

Result<void> RunDelayLog::record_at(HostNs host, uint64_t freeze, const HostTimes& times) {
  // A machine without threads, or a host without CONFIG_SCHED_INFO: a record full of zeros would
  // read as "never waited".
  if (std::ranges::none_of(times.vcpus, &ThreadTimes::known)) return {};
  const std::optional<uint64_t> stolen_ns = steal_.read_ns();
  return recorder_.record_at(host, GuestNs(0), [&](schema::Record::Builder record) {
    auto to = record.initRunDelays();
    to.setFreeze(freeze);
    to.setStolenKnown(stolen_ns.has_value());
    to.setStolenNs(stolen_ns.value_or(0));
    auto vcpus = to.initVcpus(static_cast<unsigned>(times.vcpus.size()));
    for (unsigned i = 0; i < vcpus.size(); ++i) {
      const ThreadTimes& of = times.vcpus[i];
      vcpus[i].setVcpu(i);
      vcpus[i].setKnown(of.known);
      vcpus[i].setThread(of.thread);
      vcpus[i].setRanNs(of.ran_ns);
      vcpus[i].setWaitedNs(of.waited_ns);
      vcpus[i].setTimeslices(of.timeslices);
    }
  });
}

std::optional<uint64_t> waited_between(const HostTimes& earlier, const HostTimes& later) {
  uint64_t waited_ns = 0;
  for (const auto thread : {&HostTimes::own, &HostTimes::emulator}) {
    const ThreadTimes &from = earlier.*thread, &to = later.*thread;
    // A counter that went back belongs to another thread or host.
    if (!from.known || !to.known || to.waited_ns < from.waited_ns) return std::nullopt;
    waited_ns += to.waited_ns - from.waited_ns;
  }
  return waited_ns;
}

}  // namespace ktape
