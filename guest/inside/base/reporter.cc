// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/base/reporter.h"

#include "schema/wire/data.h"

namespace ktape {

void Reporter::stamp(schema::FromAgent::Builder message) {
  // CLOCK_MONOTONIC, the clock of `guestNs` on the tape; under TCG it stands still in a freeze.
  auto now = std::chrono::nanoseconds(Clock::now().time_since_epoch());
  message.setGuestNs(static_cast<uint64_t>(now.count()));
}

Result<void> Reporter::step_started(uint32_t step, capnp::Text::Reader name) {
  return send([&](schema::FromAgent::Builder message) {
    auto started = message.initStepStarted();
    started.setStep(step);
    started.setName(name);
  });
}

Result<void> Reporter::step_finished(uint32_t step, bool ok, const std::string& detail,
                                     const std::vector<SeriesCount>& series) {
  return send([&](schema::FromAgent::Builder message) {
    auto finished = message.initStepFinished();
    finished.setStep(step);
    finished.setOk(ok);
    finished.setDetail(detail);
    auto counts = finished.initSeries(static_cast<unsigned>(series.size()));
    for (unsigned i = 0; i < counts.size(); ++i) {
      counts[i].setFirstAction(series[i].first_action);
      counts[i].setRequested(series[i].requested);
      counts[i].setMissed(series[i].missed);
    }
  });
}

Result<void> Reporter::scheduler_output(uint32_t id, std::string_view text, uint64_t lost_bytes) {
  return send([&](schema::FromAgent::Builder message) {
    auto output = message.initSchedulerOutput();
    output.setId(id);
    output.setText(as_data(text));
    output.setLostBytes(lost_bytes);
  });
}

Result<void> Reporter::facts(std::string_view subject, const Facts& facts) {
  return send([&](schema::FromAgent::Builder message) {
    auto said = message.initFacts();
    said.setSubject(std::string(subject));
    auto list = said.initFacts(static_cast<unsigned>(facts.size()));
    for (unsigned i = 0; i < list.size(); ++i) {
      list[i].setName(facts[i].first);
      list[i].setValue(as_data(facts[i].second));
    }
  });
}

Result<void> Reporter::done(int exit_code, const std::string& detail) {
  return send([&](schema::FromAgent::Builder message) {
    auto exited = message.initDone();
    exited.setExplicitDone(true);
    exited.setExitCode(exit_code);
    exited.setDetail(detail);
  });
}

}  // namespace ktape
