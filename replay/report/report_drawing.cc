// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "replay/report/report_html.h"
#include "replay/text/text_writer.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr size_t kMaxPoints = 10'000;  // of all series
constexpr size_t kMaxSeries = 200;

std::string item(const Span& span) {
  return fmt::format(
      "{{\"from\":{},\"to\":{},\"label\":{},\"text\":{},\"failed\":{}}}", span.begin.value,
      span.end.value, json_string(span.label),
      json_string(fmt::format("{}; record {}, from {:.9f} s, {}", span.text, span.seq.value,
                              static_cast<double>(span.begin.value) / 1e9,
                              duration_text(span.end.value - span.begin.value))),
      span.failed);
}

std::string lane(const char* name, const char* kind, const std::vector<Span>& spans) {
  std::string items;
  for (const Span& span : spans) items += (items.empty() ? "" : ",\n") + item(span);
  return fmt::format("{{\"name\":\"{}\",\"kind\":\"{}\",\"items\":[{}]}}", name, kind, items);
}

std::vector<Span> freeze_spans(const ReportSpans& spans) {
  std::vector<Span> out;
  for (const auto& [freeze, cause, vcpus, left_out] : spans.freezes) {
    uint64_t room = spans.end.value - std::min(freeze.at.value, spans.end.value);
    uint64_t lasted = std::min(freeze.stop_latency_ns, room);
    lasted += std::min(freeze.frozen_ns, room - lasted);
    out.push_back({freeze.at, HostNs(freeze.at.value + (freeze.thawed.value > 0 ? lasted : room)),
                   std::to_string(freeze.id), fmt::format("freeze {} for {}", freeze.id, cause),
                   false, freeze.began});
  }
  return out;
}

std::vector<Span> incident_spans(const RunFacts& run, const ReportSpans& spans) {
  std::vector<Span> out;
  for (const IncidentFacts& incident : run.incidents) {
    auto at = spans.times.find(incident.seq.value);
    if (at == spans.times.end()) continue;
    std::string first = incident.first.empty() ? "" : ": " + incident.first;
    out.push_back(
        {at->second, at->second, incident.what, incident.what + first, true, incident.seq});
  }
  return out;
}

// A whole number as a dot of a chart; other values have none.
bool is_number(const ValueFacts& value) {
  return value.present && !value.bytes && !value.exact.empty() && value.exact.size() <= 20 &&
         std::ranges::all_of(value.exact, [](char c) { return c >= '0' && c <= '9'; });
}

class SeriesByName {
 public:
  void add(const std::string& name, HostNs at, const std::string& value, Seq seq) {
    if (points_ >= kMaxPoints || (series_.size() >= kMaxSeries && !series_.contains(name))) {
      ++left_out_;
      return;
    }
    ++points_;
    std::string& points = series_[name];
    points += fmt::format("{}{{\"at\":{},\"value\":\"{}\",\"seq\":{}}}", points.empty() ? "" : ",",
                          at.value, value, seq.value);
  }

  [[nodiscard]] std::string json() const {
    std::string out;
    for (const auto& [name, points] : series_) {
      out += fmt::format("{}{{\"name\":{},\"points\":[{}]}}", out.empty() ? "" : ",\n",
                         json_string(name), points);
    }
    return out;
  }
  [[nodiscard]] uint64_t left_out() const { return left_out_; }

 private:
  std::map<std::string, std::string> series_;
  size_t points_ = 0;
  uint64_t left_out_ = 0;
};

SeriesByName series(const RunFacts& run, const ReportSpans& spans) {
  SeriesByName out;
  for (const EntryFacts& entry : run.entries) {
    auto asked = spans.times.find(entry.request.value);
    auto replied = spans.times.find(entry.reply.value);
    if (asked == spans.times.end() || replied == spans.times.end()) continue;
    if (entry.status != schema::EntryStatus::DONE) continue;
    if (entry.write && is_number(entry.before)) {
      out.add(entry.target, asked->second, entry.before.exact, entry.request);
    }
    if (is_number(entry.value))
      out.add(entry.target, replied->second, entry.value.exact, entry.reply);
  }
  return out;
}

}  // namespace

ReportDrawing report_drawing(const RunFacts& run, const ReportSpans& spans) {
  const SeriesByName values = series(run, spans);
  return {
      fmt::format("{{\"endNs\":{},\n\"lanes\":[{},\n{},\n{},\n{},\n{},\n{}],\n\"series\":[{}]}}",
                  spans.end.value, lane("schedulers", "scheduler", spans.schedulers),
                  lane("workers", "worker", spans.workers), lane("steps", "step", spans.steps),
                  lane("requests", "request", spans.requests),
                  lane("freezes", "freeze", freeze_spans(spans)),
                  lane("incidents", "incident", incident_spans(run, spans)), values.json()),
      values.left_out()};
}

}  // namespace ktape
