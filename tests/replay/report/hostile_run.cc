// SPDX-License-Identifier: Apache-2.0
#include "tests/replay/report/hostile_run.h"

#include <string_view>

#include "schema/wire/data.h"
#include "tests/replay/sample_run.h"
#include "tests/support/tape/tape_builder.h"

namespace ktape::test {

namespace {

constexpr char kMarkup[] =
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&lt;<!--";

}  // namespace

std::string make_hostile_tape(const std::string& path) {
  TapeBuilder builder(path);
  record_sample_run(builder);
  builder.add([](schema::Record::Builder record) {
    record.initConsole().setText(
        as_data(std::string_view("<script>alert(3)</script>\xff\xfe\x1b[2J\r\n</pre></main>\r\n")));
  });
  builder.worker_started(kMarkup, 60, 1'000'000'000);
  builder.step_started(1, kMarkup);
  builder.op({{.tag = kMarkup,
               .target = symbol_target("jiffies_64"),
               .value = 18446744073709551615U,
               .type = kMarkup,
               .gates = {{.gate = schema::Gate::ALIVE, .observed = kMarkup}}},
              {.tag = "refused",
               .target = symbol_target(kMarkup),
               .status = schema::EntryStatus::REFUSED,
               .reason = kMarkup}},
             1);
  builder.add([](schema::Record::Builder record) {
    auto finished = record.initStepFinished();
    finished.setStep(1);
    finished.setDetail(kMarkup);
  });
  builder.add([](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(77);
    began.setCause(schema::FreezeCause::TRIGGER);
    began.setTrigger(kMarkup);
    began.setDetail(as_data(std::string_view(kMarkup)));
  });
  builder.add([](schema::Record::Builder record) {
    auto frozen = record.initFrozen();
    frozen.setFreeze(77);
    auto vcpu = frozen.initVcpus(1)[0];
    vcpu.setKnown(true);
    vcpu.setKernelStateKnown(true);
    vcpu.setSymbol(kMarkup);
    vcpu.setCurrentComm(as_data(std::string_view(kMarkup)));
  });
  builder.add([](schema::Record::Builder record) {
    auto layout = record.initLayoutUsed();
    layout.setType(as_data(std::string_view(kMarkup)));
    layout.setPath("\xc3(");
    layout.setEncoding(as_data(std::string_view(kMarkup)));
  });
  builder.add([](schema::Record::Builder record) {
    auto exited = record.initSchedulerExited();
    exited.setId(1);
    exited.setReason(as_data(std::string_view(kMarkup)));
    exited.setMessage(as_data(std::string_view(kMarkup)));
  });
  builder.add([](schema::Record::Builder record) {
    record.initGuestPanicked().setText(as_data(std::string_view(kMarkup)));
  });
  builder.add([](schema::Record::Builder record) {
    auto counter = record.initLost().initCounters(1)[0];
    counter.setName(kMarkup);
    counter.setCount(3);
  });
  return builder.seal().path;
}

}  // namespace ktape::test
