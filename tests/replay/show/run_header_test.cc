// SPDX-License-Identifier: Apache-2.0
#include "replay/show/run_header.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <limits>

#include "schema/tape/copy/salvage.h"
#include "schema/wire/data.h"
#include "tests/replay/show/shown.h"
#include "tests/support/tape/sql.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("the triggers of a run are shown at the top, and their results at the bottom") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.add([](schema::Record::Builder record) {
    auto run = record.initRunStarted();
    run.setFreezeEveryMs(200);
    auto triggers = run.initFreezeTriggers(2);
    triggers[0].setName("scx-error");
    triggers[0].setFunction("scx_error_irq_workfn");
    triggers[0].setTimes(16);
    triggers[1].setName("symbol:\x1b[2J");
    triggers[1].setTimes(1);
  });
  builder.triggers = {{"scx-error", true, 1}, {"symbol:\x1b[2J"}};
  const std::string text = shown(builder.seal().path);
  CHECK_THAT(text,
             ContainsSubstring("frozen on   scx-error: scx_error_irq_workfn(), at most 16 times\n"
                               "            symbol:\\x1b[2J: (), at most 1 time\n"
                               "            time: every 200 ms\n"));
  CHECK_THAT(
      text, ContainsSubstring("frozen on   scx-error: once\n            symbol:\\x1b[2J: never\n"));
}

TEST_CASE(
    "a trigger that was armed later is shown with the time, and its hits beside its freezes") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.add([](schema::Record::Builder record) {
    auto run = record.initRunStarted();
    auto steps = run.initScenario().initSteps(2);
    steps[1].setName("b\x1b");
    auto triggers = run.initFreezeTriggers(3);
    for (auto trigger : triggers) trigger.setTimes(9);
    triggers[0].setName("symbol:one");
    triggers[0].setArming(schema::TriggerArming::ATTACH);
    triggers[1].setName("symbol:two");
    triggers[1].setArming(schema::TriggerArming::STEP);
    triggers[1].setStep(1);
    triggers[2].setName("symbol:three");
    triggers[2].setArming(schema::TriggerArming::STEP);
    triggers[2].setStep(std::numeric_limits<uint32_t>::max());
  });
  builder.triggers = {{"symbol:one", true, 2, 5}};
  builder.intervals = [](schema::IntervalCounts::Builder counts) {
    counts.setFroze(232);
    counts.setSkippedBusy(218);
  };
  const std::string text = shown(builder.seal().path);
  CHECK_THAT(text,
             ContainsSubstring("symbol:one: (), at most 9 times, from the first attachment on\n"));
  CHECK_THAT(text, ContainsSubstring("symbol:two: (), at most 9 times, from step 'b\\x1b' on\n"));
  CHECK_THAT(text,
             ContainsSubstring("symbol:three: (), at most 9 times, from step 4294967296 on\n"));
  CHECK_THAT(text, ContainsSubstring(
                       "frozen on   symbol:one: 5 hits in 2 freezes\n"
                       "            time: 232 of 450 intervals froze; 218 were skipped: the"));
}

TEST_CASE("a host that is itself a guest is shown as that") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.add([](schema::Record::Builder record) {
    auto host = record.initRunStarted().initHostProcessor();
    host.setKnown(true);
    host.setHypervisor(true);
    host.setHypervisorName(as_data("TCGTCGTCGTCG"));
    host.setCpus(2);
  });
  CHECK_THAT(shown(builder.seal().path),
             ContainsSubstring("2 CPUs of a host that is itself a guest, of 'TCGTCGTCGTCG'\n"));
}

TEST_CASE("what the recorder lost is not known for a tape that salvage sealed") {
  TempDir folder;
  {
    TapeBuilder builder(folder.file("run.ktape"));
    builder.run_started("test");
    (void)must(builder.writer().add_blob("btf", as_bytes(std::string(20'000, 'b'))));
    must(builder.writer().commit());
  }
  must(salvage(folder.file("run.ktape.partial"), folder.file("saved.ktape")));
  CHECK_THAT(shown(folder.file("saved.ktape")),
             ContainsSubstring("lost        not known: the tape does not say\n"));

  sql(folder.file("run.ktape.partial"), "UPDATE blob SET data = zeroblob(100)");
  must(salvage(folder.file("run.ktape.partial"), folder.file("less.ktape")));
  CHECK_THAT(shown(folder.file("less.ktape")),
             ContainsSubstring(
                 "lost        1 salvage_blobs: blobs that were damaged and left out by salvage\n"
                 "            the recorder's losses are not known\n"));
}

TEST_CASE("a tape that was never sealed is shown as far as it goes") {
  TempDir folder;
  std::string partial;
  {
    TapeBuilder builder(folder.file("run.ktape"));
    builder.run_started("test");
    must(builder.writer().commit());
    partial = builder.writer().partial_path();
  }
  std::string text = shown(partial);
  CHECK_THAT(
      text,
      ContainsSubstring(
          "unsealed: its recorder died before it could seal it; all that was recorded is valid, "
          "1\n            record\n"));
  CHECK_THAT(text, ContainsSubstring("outcome     not known: the tape was never sealed\n"));
  CHECK_THAT(text, ContainsSubstring("lost        not known: the tape does not say\n"));
}

}  // namespace ktape::test
