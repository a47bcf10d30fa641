// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/base/digest.h"
#include "schema/wire/data.h"
#include "tests/replay/export/decoded_trace.h"
#include "tests/replay/programs.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("the parts of a tape add up to its file") {
  TempDir folder;
  for (const std::string& tape :
       {make_tape(folder.file("run.ktape")).path, make_wide_tape(folder.file("b.ktape"))}) {
    CHECK(python(R"(
import json, os, subprocess, sys
info = json.loads(subprocess.run([sys.argv[1], sys.argv[2], "--size", "--json"], capture_output=True, check=True).stdout)
parts = {(p["group"], p["name"]): p for p in info["size"]}
print(sum(int(p["bytes"]) for p in info["size"]) == int(info["fileBytes"]) == os.path.getsize(sys.argv[2]))
print(info["integrity"], info["losses"], parts["records", "opReplied"]["count"] == info["records"]["opReplied"])
)",
                 {KTAPE_BIN "/ktape-info", tape}) == "True\nintact none True\n");
  }
}

TEST_CASE("info shows each blob's size by its name, and describes a tape in a few lines") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("small");
  std::string noise;
  for (uint64_t i = 0, x = 1; i < 20'000;
       ++i, x = x * 6364136223846793005U + 1442695040888963407U) {
    noise += static_cast<char>(x >> 56);
  }
  (void)must(builder.writer().add_blob("btf", as_bytes(noise)));
  SealedTape tape = builder.seal();
  ChildResult child = run_program("ktape-info", {tape.path, "--size"});
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output,
             ContainsSubstring("outcome     completed, exit code 0\nscenario    small\n"));
  CHECK_THAT(child.output, ContainsSubstring("head        " + to_hex(tape.head) + "\n"));
  // It cannot be compressed, so it is stored as it is.
  CHECK_THAT(child.output, ContainsSubstring("blobs           20000 "));
  damage(tape.path, "small");
  CHECK(run_program("ktape-info", {tape.path}).exit_status == 3);
}

TEST_CASE("an altered tape is not measured: its tables may lead in circles") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("small");
  const SealedTape tape = builder.seal();
  sql(tape.path, "DELETE FROM event WHERE seq = 1");
  const ChildResult child = run_program("ktape-info", {tape.path, "--size"});
  CHECK(child.exit_status == 3);
  CHECK_THAT(child.output, !ContainsSubstring("SIZE"));
}

TEST_CASE("info shows the result of each trigger") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("small");
  builder.triggers = {{"scx-error"}, {"symbol:schedule", true, 2, 3}, {"symbol:panic", false, 0}};
  builder.intervals = [](schema::IntervalCounts::Builder counts) {
    counts.setFroze(7);
    counts.setSkippedLate(1);
  };
  SealedTape tape = builder.seal();
  const ChildResult child = run_program("ktape-info", {tape.path});
  CHECK_THAT(child.output,
             ContainsSubstring("frozen on   scx-error: never\n"
                               "            symbol:schedule: 3 hits in 2 freezes\n"
                               "            symbol:panic: never, it was not set up\n"
                               "            time: 7 of 8 intervals froze; 1 was skipped: the "));
  CHECK_THAT(
      run_program("ktape-info", {tape.path, "--json"}).output,
      ContainsSubstring(R"("triggers":[{"name":"scx-error","armed":true,"freezes":"0","hits":"0"},)"
                        R"({"name":"symbol:schedule","armed":true,"freezes":"2","hits":"3"},)"
                        R"({"name":"symbol:panic","armed":false,"freezes":"0","hits":"0"}],)"
                        R"("intervals":{"froze":"7","skippedBusy":"0","skippedLate":"1"},)"));
}

TEST_CASE("info shows the host, the vCPUs' waits for it, and the guest's clocksources") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.add([](schema::Record::Builder record) {
    auto run = record.initRunStarted();
    run.setHostCpu(as_data("Zen"));
    auto host = run.initHostProcessor();
    host.setKnown(true);
    host.setKvmNested(as_data("1"));
    host.setCpus(4);
  });
  for (const uint64_t waited_ns : {0, 50'000}) {
    builder.add([&](schema::Record::Builder record) {
      auto vcpus = record.initRunDelays().initVcpus(2);
      vcpus[0].setKnown(true);
      vcpus[0].setRanNs(waited_ns);
      vcpus[0].setWaitedNs(waited_ns);
      vcpus[1].setVcpu(1);
    });
  }
  for (const char* name : {"tsc", "hpet"}) {
    builder.add([&](schema::Record::Builder record) {
      record.initClocksourceSeen().setName(as_data(std::string_view(name)));
    });
  }
  const std::string tape = builder.seal().path;
  const std::string text = run_program("ktape-info", {tape}).output;
  CHECK_THAT(text, ContainsSubstring(
                       "host        Zen, 4 CPUs of a host that is not a guest\n"
                       "            in 1.00 ms, vCPUs waited for a CPU: CPU 0 50.0 us (5.0 %), "
                       "CPU 1 not known\n"));
  CHECK_THAT(text, ContainsSubstring("clocksource tsc, then hpet\n"));
  CHECK_THAT(
      run_program("ktape-info", {tape, "--json"}).output,
      ContainsSubstring(
          R"("host":{"cpu":"Zen","cpus":4,"isGuest":false,"hypervisor":"","kvmNested":"1"},)"
          R"("runDelays":{"ofNs":"1000000","vcpus":[{"cpu":0,"ranNs":"50000","waitedNs":"50000"},)"
          R"({"cpu":1,"ranNs":null,"waitedNs":null}]},"clocksources":["tsc","hpet"],)"));
  const std::string trace = folder.file("run.pftrace");
  REQUIRE(run_program("ktape-export", {tape, "--perfetto", "-o", trace}).exit_status == 0);
  const std::string events = decoded(trace);
  CHECK_THAT(events, ContainsSubstring("name: \"CPU 0 waited, per mille\""));
  CHECK_THAT(events, ContainsSubstring("counter_value: 50\n"));
  CHECK_THAT(events, ContainsSubstring("name: \"clocksource hpet\""));
}

TEST_CASE("info of a tape without facts about its host says null") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("small");
  CHECK_THAT(run_program("ktape-info", {builder.seal().path, "--json"}).output,
             ContainsSubstring(R"("host":null,"runDelays":null,"clocksources":[],)"));
}

TEST_CASE(
    "info prints what was tested, the command that captures it again, and the scenario byte for "
    "byte") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  constexpr char kText[] = "(name = \"mine\",\r\n steps = [])";
  builder.add([&](schema::Record::Builder record) {
    auto run = record.initRunStarted();
    run.initScenario().setName("mine");
    run.setScenarioText(kText);
    run.setWorkingFolder("/code");
    auto words = run.initArguments(3);
    for (unsigned i = 0; const char* word : {"--scheduler", "./scx_mine -s 5", "mine.scenario"})
      words.set(i++, word);
    auto program = run.initSchedulerProgram();
    program.setPath("/code/scx_mine");
    const std::string bytes = "\xab\xcd";
    program.setBuildId(kj::arrayPtr(reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()));
    program.setCheckout(schema::CheckoutState::CHANGED);
    program.setCommit("0123456789");
    program.setCheckoutFolder("/code");
    program.setUntracked(2);
  });
  const std::string tape = builder.seal().path;
  const std::string command =
      "cd /code && ktape capture --scheduler './scx_mine -s 5' mine.scenario";
  const std::string commit =
      "commit 0123456789 with uncommitted changes, plus 2 untracked files, in '/code'";
  const ChildResult script = run_program("ktape-info", {tape, "--reproduce"});
  CHECK(script.exit_status == 0);
  CHECK_THAT(script.output, ContainsSubstring("in '/code'\n# kernel "));
  CHECK_THAT(script.output,
             ContainsSubstring("# scheduler '/code/scx_mine', SHA-256 , build-id abcd, " + commit));
  CHECK_THAT(script.output,
             ContainsSubstring("'ktape info " + tape + " --scenario-text' prints it\n"));
  CHECK(script.output.ends_with("\n" + command + "\n"));
  CHECK(run_program("ktape-info", {tape, "--scenario-text"}).output == kText);
  // The same among the rest, for people and for programs.
  CHECK_THAT(run_program("ktape-info", {tape}).output,
             ContainsSubstring("scheduler   '/code/scx_mine', "));
  CHECK_THAT(run_program("ktape-show", {tape}).output,
             ContainsSubstring("tested      '/code/scx_mine', "));
  const std::string json = run_program("ktape-info", {tape, "--json"}).output;
  CHECK_THAT(json, ContainsSubstring(R"("reproduce":")" + command +
                                     R"(","schedulerProgram":{"path":"/code/scx_mine")"));
  CHECK_THAT(json, ContainsSubstring(
                       R"("checkout":"changed","commit":"0123456789","checkoutFolder":"/code")"));
  CHECK(run_program("ktape-info", {tape, "--reproduce", "--json"}).exit_status == 2);
}

TEST_CASE(
    "info has no command for a tape without capture arguments, nor a scenario that is not text") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("small");
  const std::string tape = builder.seal().path;
  CHECK(run_program("ktape-info", {tape, "--scenario-text"}).exit_status == 77);
  // For ktape's own scheduler it is the object that the guest loaded.
  TapeBuilder own(folder.file("own.ktape"));
  own.add([](schema::Record::Builder record) {
    record.initRunStarted().initArguments(1).set(0, "own");
  });
  own.add([](schema::Record::Builder record) {
    auto scheduler = record.initSchedulerAttached();
    scheduler.setId(1);
    const std::string text[] = {"ktape_vtime", "\x12\x34"};
    scheduler.setName(
        kj::arrayPtr(reinterpret_cast<const kj::byte*>(text[0].data()), text[0].size()));
    scheduler.setObjectDigest(
        kj::arrayPtr(reinterpret_cast<const kj::byte*>(text[1].data()), text[1].size()));
  });
  const std::string own_tape = own.seal().path;
  for (const std::vector<std::string>& asked : {std::vector{own_tape}, {own_tape, "--reproduce"}})
    CHECK_THAT(run_program("ktape-info", asked).output,
               ContainsSubstring("ktape_vtime, SHA-256 1234\n"));
  TapeBuilder hostile(folder.file("hostile.ktape"));
  hostile.add([](schema::Record::Builder record) {
    record.initRunStarted().setScenarioText("(name = \"\x1b[2J\")");
    record.getRunStarted().initArguments(1).set(0, "\x1b[2J");
  });
  const std::string other = hostile.seal().path;
  for (const char* asked : {"--scenario-text", "--reproduce"}) {
    const ChildResult result = run_program("ktape-info", {other, asked});
    CHECK(result.exit_status == 3);
    CHECK(result.output.empty());
  }
  CHECK(run_program("ktape-info", {tape, "--reproduce"}).exit_status == 77);
  CHECK_THAT(run_program("ktape-info", {tape, "--json"}).output,
             ContainsSubstring(R"("reproduce":null,"schedulerProgram":null)"));
}

TEST_CASE("info does not know the triggers of a recorder that did not record them") {
  TempDir folder;
  const std::string tape = make_tape(folder.file("run.ktape")).path;
  CHECK_THAT(run_program("ktape-info", {tape}).output, !ContainsSubstring("frozen on"));
  CHECK_THAT(run_program("ktape-info", {tape, "--json"}).output,
             ContainsSubstring("\"triggers\":null,\"intervals\":null,"));
}

}  // namespace ktape::test
