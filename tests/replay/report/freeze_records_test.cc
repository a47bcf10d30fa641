// SPDX-License-Identifier: Apache-2.0
#include "replay/report/freeze_records.h"

#include <catch2/catch_test_macros.hpp>

#include "replay/tape/tape_index.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace {

// A freeze for a request, and what a gate said of the request's only entry in it.
void tried(TapeBuilder& tape, uint64_t freeze, uint64_t op, schema::GateOutcome outcome) {
  tape.add([&](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(freeze);
    began.setCause(schema::FreezeCause::REQUEST);
    began.setOp(op);
  });
  tape.add([&](schema::Record::Builder record) {
    auto frozen = record.initFrozen();
    frozen.setFreeze(freeze);
    frozen.setStopLatencyNs(freeze);
  });
  tape.add([&](schema::Record::Builder record) {
    auto gate = record.initGateChecked();
    gate.setOp(op);
    gate.setFreeze(freeze);
    gate.setGate(schema::Gate::SCHED_CLASS);
    gate.setOutcome(outcome);
  });
}

}  // namespace

TEST_CASE("each freeze of a request gets its own records, and the request's, in one reading") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started();
  builder.add([](schema::Record::Builder record) { record.initOpRequested().setOp(7); });
  tried(builder, 1, 7, schema::GateOutcome::FAILED);
  builder.scheduler_exited(1, 64);
  tried(builder, 2, 7, schema::GateOutcome::PASSED);
  builder.add([](schema::Record::Builder record) { record.initOpReplied().setOp(7); });
  const auto tape = must(TapeReader::open(builder.seal().path));
  const TapeIndex index = must(TapeIndex::make(*tape));

  const auto found = must(find_freeze_records(*tape, {&index.freezes()[1], &index.freezes()[0]}));
  REQUIRE(found.size() == 2);
  const FreezeRecords second = must(read_freeze_records(*tape, found[0]));
  const FreezeRecords first = must(read_freeze_records(*tape, found[1]));
  CHECK(first.frozen.get().getStopLatencyNs() == 1);
  CHECK(second.frozen.get().getStopLatencyNs() == 2);
  CHECK(first.other_class.size() == 1);
  CHECK(second.other_class.empty());
  CHECK(first.exited.present());
  CHECK_FALSE(second.exited.present());
  for (const FreezeRecords* records : {&first, &second}) {
    CHECK(records->began.get().getOp() == 7);
    CHECK(records->request.present());
    CHECK(records->reply.present());
  }
}

}  // namespace ktape::test
