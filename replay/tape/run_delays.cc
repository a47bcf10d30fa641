// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/run_delays.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replay/text/text_writer.h"

namespace ktape {

namespace {

constexpr size_t kVcpusShown = 8;

uint64_t without(uint64_t whole, uint64_t part) { return whole - std::min(whole, part); }

}  // namespace

HostSpan RunDelayFold::between(const Reading& from, const Reading& to) {
  HostSpan span{without(to.running_ns, from.running_ns), {}};
  for (size_t i = 0; i < to.vcpus.size(); ++i) {
    const VcpuWait& is = to.vcpus[i];
    VcpuWait& wait = span.vcpus.emplace_back(VcpuWait{is.vcpu});
    // A vCPU that the first reading did not have.
    if (i >= from.vcpus.size()) continue;
    const VcpuWait& was = from.vcpus[i];
    wait.known = is.known && was.known && is.waited_ns >= was.waited_ns && is.ran_ns >= was.ran_ns;
    if (!wait.known) continue;
    wait.ran_ns = is.ran_ns - was.ran_ns;
    wait.waited_ns = is.waited_ns - was.waited_ns;
  }
  return span;
}

void RunDelayFold::visit(const RecordView& view) {
  if (!view.known) return;
  if (view.record.isThawed()) {
    frozen_ns_ += std::min(view.record.getThawed().getFrozenNs(), ~frozen_ns_);
  } else if (view.record.isRunDelays()) {
    Reading reading{without(view.record.getHostNs(), frozen_ns_), {}};
    for (auto vcpu : view.record.getRunDelays().getVcpus())
      reading.vcpus.push_back(
          {vcpu.getVcpu(), vcpu.getKnown(), vcpu.getRanNs(), vcpu.getWaitedNs()});
    // Every reading is also the start of the next span.
    if (readings_++ == 0) first_ = latest_ = reading;
    last_span_ = between(std::exchange(latest_, reading), reading);
  }
}

HostSpan RunDelayFold::all() const { return between(first_, latest_); }

std::string waits_text(const HostSpan& span) {
  std::vector<VcpuWait> shown = span.vcpus;
  if (shown.size() > kVcpusShown) {
    // Those that waited longest, in stable order.
    std::ranges::stable_sort(shown, std::greater(), &VcpuWait::waited_ns);
    shown.resize(kVcpusShown);
  }
  std::string text;
  for (const VcpuWait& wait : shown) {
    text += fmt::format("{}CPU {} ", text.empty() ? "" : ", ", wait.vcpu);
    if (!wait.known) {
      text += "not known";
    } else if (wait.waited_ns == 0) {
      text += "none";
    } else {
      text += duration_text(wait.waited_ns);
      if (span.running_ns > 0) {
        text += fmt::format(" ({:.1f} %)", 100.0 * static_cast<double>(wait.waited_ns) /
                                               static_cast<double>(span.running_ns));
      }
    }
  }
  const size_t left_out = span.vcpus.size() - shown.size();
  return left_out == 0 ? text
                       : text + fmt::format("; {} waited less", count_text(left_out, "other"));
}

}  // namespace ktape
