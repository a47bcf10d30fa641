// SPDX-License-Identifier: Apache-2.0
#include "analyzers/host_waits.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "schema/base/text.h"

namespace ktape {

namespace {

// A tenth of a second: waits are counted in nanoseconds, but a few scheduling periods of the host
// must fit.
constexpr uint64_t kShortestWindowNs = 100'000'000;
// Steal time is counted in ticks: one may have begun before a window.
constexpr uint64_t kStolenTickNs = 10'000'000;
constexpr size_t kMaxBadSpans = 1000;

uint64_t without(uint64_t whole, uint64_t part) { return whole - std::min(whole, part); }

double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

double percent(uint64_t part, uint64_t whole) {
  // A span without length in which something waited: all of it was waited away.
  return whole == 0 ? 100 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::string milliseconds(uint64_t ns) {
  return fmt::format("{:.3f} ms", static_cast<double>(ns) / 1e6);
}

bool HostWaits::is_too_much(uint64_t waited_ns, uint64_t of_ns) const {
  if (waited_ns == 0) return false;
  return percent(waited_ns, of_ns) > static_cast<double>(most_percent_);
}

void HostWaits::visit(const RecordView& view) {
  if (view.record.isRunStarted()) {
    kvm_ = view.record.getRunStarted().getAcceleratorUsed() == schema::Accelerator::KVM;
  } else if (view.record.isClocksourceSeen()) {
    // "tsc" and "tsc-early" run on in a freeze; kvm-clock stops with the machine.
    clock_is_tsc_ = chars(view.record.getClocksourceSeen().getName()).starts_with("tsc");
  } else if (view.record.isThawed()) {
    ++freezes_;
    frozen_ns_ += std::min(view.record.getThawed().getFrozenNs(), ~frozen_ns_);
  } else if (view.record.isRunDelays()) {
    const uint64_t host_ns = view.record.getHostNs();
    Reading reading{view.seq, host_ns,  without(host_ns, frozen_ns_), {},
                    {},       freezes_, kvm_ && clock_is_tsc_};
    auto delays = view.record.getRunDelays();
    if (delays.getStolenKnown()) reading.stolen_ns = delays.getStolenNs();
    for (auto vcpu : delays.getVcpus())
      reading.vcpus.push_back({vcpu.getKnown(), vcpu.getThread(), vcpu.getWaitedNs()});
    // Readings of a host without statistics say nothing, and would end a window.
    if (std::ranges::any_of(reading.vcpus, &Vcpu::known)) take(std::move(reading));
  }
}

void HostWaits::take(Reading reading) {
  if (!covered_) covered_ = Span{reading.host_ns, reading.host_ns};
  covered_->to_ns = std::max(covered_->to_ns, reading.host_ns);
  if (!start_) {
    start_ = std::move(reading);
    return;
  }
  // Too short to judge by itself: it is extended by what follows.
  if (without(reading.running_ns, start_->running_ns) < kShortestWindowNs) {
    last_ = std::move(reading);
    return;
  }
  evaluate(*start_, reading, start_->host_ns);
  before_ = std::exchange(start_, std::move(reading));
  last_.reset();
}

void HostWaits::finish() {
  if (!last_) return;
  // The rest of the tape, with the window before it, which is long enough.
  evaluate(before_ ? *before_ : *start_, *last_, start_->host_ns);
  last_.reset();
}

void HostWaits::evaluate(const Reading& from, const Reading& to, uint64_t span_from_ns) {
  const std::string why = fault(from, to);
  if (why.empty()) return;
  const Span span{std::min(span_from_ns, to.host_ns), std::max(span_from_ns, to.host_ns)};
  // The bound on memory: from here on one span grows instead.
  if (bad_.size() >= kMaxBadSpans) {
    bad_.back().span.to_ns = std::max(bad_.back().span.to_ns, span.to_ns);
    return;
  }
  bad_.push_back({span,
                  {to.seq, fmt::format("from {:.3f} s to {:.3f} s into the run {}",
                                       seconds(from.host_ns), seconds(to.host_ns), why)}});
}

std::string HostWaits::fault(const Reading& from, const Reading& to) const {
  const uint64_t length_ns = without(to.running_ns, from.running_ns);
  // A tape that was put together by hand; the arithmetic below would find 0.
  if (to.host_ns < from.host_ns) return "time goes back on the tape";
  if (from.vcpus.size() != to.vcpus.size())
    return "the wait for a CPU of the host is not known for every vCPU";
  for (size_t vcpu = 0; vcpu < to.vcpus.size(); ++vcpu) {
    if (std::string found = fault_of(vcpu, from, to, length_ns); !found.empty()) return found;
  }
  if (from.stolen_ns && to.stolen_ns) {
    const uint64_t stolen_ns = without(without(*to.stolen_ns, *from.stolen_ns), kStolenTickNs);
    if (is_too_much(stolen_ns, length_ns)) {
      return fmt::format("the hypervisor below the host took {:.1f} % of a CPU, the limit is {} %",
                         percent(stolen_ns, length_ns), most_percent_);
    }
  }
  if (to.runs_on && to.freezes > from.freezes)
    return "the guest's clock was the TSC, which does not stop in a freeze";
  return "";
}

std::string HostWaits::fault_of(size_t vcpu, const Reading& from, const Reading& to,
                                uint64_t length_ns) const {
  const Vcpu &was = from.vcpus[vcpu], &is = to.vcpus[vcpu];
  // A counter that fell belongs to another thread.
  if (!was.known || !is.known || is.waited_ns < was.waited_ns)
    return fmt::format("the time that vCPU {} waited for a CPU of the host is not known", vcpu);
  // With one thread for all vCPUs (--tcg-single-thread) each waits for the others, unseen by the
  // host.
  for (size_t other = 0; other < vcpu; ++other) {
    if (to.vcpus[other].thread == is.thread)
      return fmt::format("vCPUs {} and {} shared one thread of the host", other, vcpu);
  }
  const uint64_t waited_ns = is.waited_ns - was.waited_ns;
  if (!is_too_much(waited_ns, length_ns)) return "";
  return fmt::format("vCPU {} waited {:.1f} % of the time for a CPU of the host, the limit is {} %",
                     vcpu, percent(waited_ns, length_ns), most_percent_);
}

std::optional<Finding> HostWaits::objection(uint64_t from_ns, uint64_t to_ns) const {
  if (!covered_ || from_ns < covered_->from_ns || to_ns > covered_->to_ns) {
    return Finding{
        Seq(0),
        fmt::format("the tape does not have the waits of the vCPUs for all of the time from "
                    "{:.3f} s to {:.3f} s into the run",
                    seconds(from_ns), seconds(to_ns))};
  }
  for (const BadSpan& bad : bad_) {
    if (bad.span.from_ns < to_ns && bad.span.to_ns > from_ns) return bad.why;
  }
  return std::nullopt;
}

}  // namespace ktape
