// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "replay/report/report_html.h"
#include "replay/text/text_writer.h"
#include "schema/base/json_writer.h"

namespace ktape {

namespace {

constexpr size_t kMaxPoints = 10'000;  // of all series
constexpr size_t kMaxSeries = 200;

std::string describe(const Span& span) {
  return fmt::format("{}; record {}, from {:.9f} s, {}", span.text, span.seq.value,
                     static_cast<double>(span.begin.value) / 1e9,
                     duration_text(span.end.value - span.begin.value));
}

void put_lane(JsonWriter& json, const char* name, const char* kind,
              const std::vector<Span>& spans) {
  json.line_between().object().field("name", name).field("kind", kind).key("items").list();
  for (const Span& span : spans) {
    json.line_between()
        .object()
        .field("from", JsonNumber{span.begin.value})
        .field("to", JsonNumber{span.end.value})
        .field("label", span.label)
        .field("text", describe(span))
        .field("failed", span.failed)
        .end();
  }
  json.end().end();
}

std::vector<Span> freeze_spans(const ReportSpans& spans) {
  std::vector<Span> out;
  for (const DrawnFreeze& drawn : spans.freezes) {
    const Freeze& freeze = drawn.freeze;
    // Within the run: the durations on an untrusted tape may be anything.
    uint64_t room = spans.end.value - std::min(freeze.at.value, spans.end.value);
    uint64_t lasted = std::min(freeze.stop_latency_ns, room);
    lasted += std::min(freeze.frozen_ns, room - lasted);
    out.push_back({freeze.at, HostNs(freeze.at.value + (freeze.thawed.value > 0 ? lasted : room)),
                   std::to_string(freeze.id),
                   fmt::format("freeze {} for {}", freeze.id, drawn.cause), false, freeze.began});
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

// An integer as a point of a chart; other values have none.
bool is_number(const ValueFacts& value) {
  // 20 digits: the most that 64 bits have.
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
    series_[name].push_back({at, value, seq});
  }

  void put(JsonWriter& json) const {
    json.list();
    for (const auto& [name, points] : series_) {
      json.line_between().object().field("name", name).key("points").list();
      for (const Point& point : points) {
        json.object()
            .field("at", JsonNumber{point.at.value})
            .field("value", point.value)
            .field("seq", JsonDigits{point.seq.value})
            .end();
      }
      json.end().end();
    }
    json.end();
  }
  [[nodiscard]] uint64_t left_out() const { return left_out_; }

 private:
  struct Point {
    HostNs at;
    std::string value;
    Seq seq;
  };

  std::map<std::string, std::vector<Point>> series_;
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
  JsonWriter json;
  json.object().field("endNs", JsonNumber{spans.end.value}).line().key("lanes").list();
  put_lane(json, "schedulers", "scheduler", spans.schedulers);
  put_lane(json, "workers", "worker", spans.workers);
  put_lane(json, "steps", "step", spans.steps);
  put_lane(json, "requests", "request", spans.requests);
  put_lane(json, "freezes", "freeze", freeze_spans(spans));
  put_lane(json, "incidents", "incident", incident_spans(run, spans));
  json.end().line().key("series");
  values.put(json);
  return {json.end().take(), values.left_out()};
}

}  // namespace ktape
