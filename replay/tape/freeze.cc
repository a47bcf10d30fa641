// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/freeze.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "replay/text/record_text.h"
#include "schema/base/text.h"
#include "schema/tape/facts/trigger_hits.h"

namespace ktape {

namespace {

// A machine with many vCPUs may have stopped all of them at one trigger.
constexpr size_t kCpusShown = 16;

using Cpus = std::set<int32_t>;

std::string cpus_text(const Cpus& cpus) {
  std::string text = cpus.size() == 1 ? "CPU" : "CPUs";
  size_t shown = 0;
  for (auto at = cpus.begin(); at != cpus.end() && shown < kCpusShown; ++at, ++shown)
    text += fmt::format("{} {}", shown == 0 ? "" : ",", *at);
  return cpus.size() > shown ? text + fmt::format(" and {} more", cpus.size() - shown) : text;
}

// Which CPUs had reached a trigger: " on CPU 1", " on CPUs 1, 3"; empty for another cause.
std::string reached_text(const Freeze& freeze) {
  Cpus cpus;
  for (const FreezeHit& hit : freeze.hits) {
    if (hit.vcpu >= 0) cpus.insert(hit.vcpu);
  }
  return cpus.empty() ? "" : " on " + cpus_text(cpus);
}

// By name, each with the CPUs that had reached it.
std::map<std::string_view, Cpus> triggers_of(const Freeze& freeze) {
  std::map<std::string_view, Cpus> triggers;
  for (const FreezeHit& hit : freeze.hits) {
    Cpus& cpus = triggers[hit.trigger];
    if (hit.vcpu >= 0) cpus.insert(hit.vcpu);
  }
  return triggers;
}

// "scx-error, symbol:schedule"
std::string trigger_names(const Freeze& freeze) {
  std::string text;
  for (const auto& [trigger, cpus] : triggers_of(freeze))
    text += (text.empty() ? "" : ", ") + printable(trigger);
  return text;
}

// "trigger 'scx-error' on CPU 1", "triggers 'scx-error' on CPU 3 and 'symbol:schedule' on CPUs 0,
// 1".
std::string triggers_text(const Freeze& freeze) {
  const auto triggers = triggers_of(freeze);
  std::string text;
  for (const auto& [trigger, cpus] : triggers) {
    text += (text.empty() ? "" : " and ") + in_quotes(trigger);
    if (!cpus.empty()) text += " on " + cpus_text(cpus);
  }
  return (triggers.size() == 1 ? "trigger " : "triggers ") + text;
}

// ", try 2"; empty for the first try of a request.
std::string later_try_text(const Freeze& freeze) {
  return freeze.attempt < 2 ? "" : fmt::format(", try {}", freeze.attempt);
}

}  // namespace

bool Freeze::is_hit_of(std::string_view trigger) const {
  return std::ranges::find(hits, trigger, &FreezeHit::trigger) != hits.end();
}

bool Freeze::is_own() const {
  return cause != schema::FreezeCause::REQUEST && cause != schema::FreezeCause::PERIODIC;
}

Freeze freeze_of(schema::FreezeBegan::Reader began, Seq seq, HostNs at) {
  Freeze freeze;
  freeze.id = began.getFreeze();
  freeze.began = seq;
  freeze.at = at;
  freeze.cause = began.getCause();
  freeze.op = began.getOp();
  freeze.attempt = began.getTry();
  freeze.interval = began.getInterval();
  for (const RecordedHit& hit : hits_of(began))
    freeze.hits.push_back({hit.vcpu, std::string(hit.trigger)});
  return freeze;
}

void Freeze::froze(schema::Frozen::Reader frozen) {
  stop_latency_ns = frozen.getStopLatencyNs();
  bypass_depth = frozen.getBypassDepth();
}

void Freeze::thaw(Seq seq, schema::Thawed::Reader record) {
  thawed = seq;
  frozen_ns = record.getFrozenNs();
  pages = record.getPages();
  Digest digest;
  // Nothing was kept: another length than that of a digest.
  if (record.getPagesDigest().size() != digest.size()) return;
  std::ranges::copy(as_bytes(chars(record.getPagesDigest())), digest.begin());
  pages_digest = digest;
}

std::string cause_text(const Freeze& freeze) {
  switch (freeze.cause) {
    case schema::FreezeCause::REQUEST: return fmt::format("for request {}", freeze.op);
    case schema::FreezeCause::TRIGGER: return "by " + triggers_text(freeze);
    default: return enum_words(freeze.cause);
  }
}

std::string cause_after_for(const Freeze& freeze) {
  switch (freeze.cause) {
    case schema::FreezeCause::REQUEST:
      return fmt::format("request {}{}", freeze.op, later_try_text(freeze));
    case schema::FreezeCause::TRIGGER: return triggers_text(freeze);
    default: return enum_words(freeze.cause);
  }
}

std::string cause_on_timeline(const Freeze& freeze) {
  std::string text = freeze.cause == schema::FreezeCause::REQUEST
                         ? fmt::format("for request {}{}", freeze.op, later_try_text(freeze))
                         : "cause: " + enum_words(freeze.cause);
  text += reached_text(freeze);
  if (freeze.interval > 0) text += fmt::format(", interval {}", freeze.interval);
  const std::string triggers = trigger_names(freeze);
  return triggers.empty() ? text : text + ": " + triggers;
}

std::vector<std::string> cause_incidents(const Freeze& freeze) {
  std::vector<std::string> incidents;
  for (const auto& [trigger, cpus] : triggers_of(freeze))
    incidents.push_back("freeze by the trigger " + in_quotes(trigger));
  return incidents;
}

}  // namespace ktape
