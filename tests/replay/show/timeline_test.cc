// SPDX-License-Identifier: Apache-2.0
#include "replay/show/timeline.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "replay/text/record_text.h"
#include "schema/wire/data.h"
#include "tests/replay/sample_run.h"
#include "tests/replay/show/shown.h"
#include "tests/support/agreed_text.h"
#include "tests/support/kernel/btf_builder.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

void delays(TapeBuilder& builder, uint64_t freeze, const std::vector<uint64_t>& waited_us) {
  builder.add([&](schema::Record::Builder record) {
    auto vcpus = record.initRunDelays().initVcpus(static_cast<unsigned>(waited_us.size()));
    record.getRunDelays().setFreeze(freeze);
    for (unsigned i = 0; i < vcpus.size(); ++i) {
      vcpus[i].setVcpu(i);
      vcpus[i].setKnown(true);
      vcpus[i].setWaitedNs(waited_us[i] * 1000);
    }
  });
}

}  // namespace

TEST_CASE("a run is shown as in the golden file") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  record_sample_run(builder);
  std::string text = shown(builder.seal().path);
  CHECK(text == agreed_text(KTAPE_GOLDEN "/sample_run.txt", text));
}

TEST_CASE("a hot series has one line for each value but the first") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  const auto ticks = [](uint64_t value) {
    return TapeEntry{.tag = "ticks", .target = symbol_target("jiffies_64"), .value = value};
  };
  builder.hot(ticks(100), 1);
  builder.hot(ticks(101), 2);
  TapeEntry failed = ticks(0);
  failed.status = schema::EntryStatus::FAILED;
  failed.reason = "not mapped";
  builder.hot(failed, 4);
  const std::string text = shown(builder.seal().path);
  CHECK_THAT(text, ContainsSubstring("request 1, hot, 1 read, interval 1\n"));
  CHECK_THAT(text, ContainsSubstring("reply 2, interval 2: ticks: jiffies_64 = 101 "
                                     "(live, not coherent)\n"));
  CHECK_THAT(text, !ContainsSubstring("request 2"));
  CHECK_THAT(text, ContainsSubstring("reply 3, interval 4: "));
  CHECK_THAT(text, ContainsSubstring("ticks: jiffies_64 failed: not mapped"));
}

TEST_CASE("a step says how many intervals were missed") {
  const auto finished = [](uint64_t missed) {
    return shown_record([&](schema::Record::Builder record) {
      auto series = record.initStepFinished().initSeries(2);
      record.getStepFinished().setOk(true);
      series[0].setRequested(40);
      series[0].setMissed(missed);
      series[1].setMissed(missed);
    });
  };
  CHECK_THAT(finished(2), ContainsSubstring("step 0 done; 4 intervals missed\n"));
  CHECK_THAT(finished(0), ContainsSubstring("step 0 done\n"));
}

TEST_CASE("a trigger is shown being armed, spent, given up or not armed, with the reason") {
  using schema::TriggerChange;
  const auto change = [](TriggerChange what, uint64_t address, const std::string& reason) {
    return shown_record([&](schema::Record::Builder record) {
      auto to = record.initTriggerChanged();
      to.setTrigger("symbol:\x1b");
      to.setChange(what);
      to.setAddress(address);
      to.setReason(reason);
    });
  };
  CHECK_THAT(change(TriggerChange::ARMED, 0xffffffff81000100, ""),
             ContainsSubstring("trigger symbol:\\x1b armed at 0xffffffff81000100\n"));
  CHECK_THAT(change(TriggerChange::SPENT, 1, ""),
             ContainsSubstring(" spent: it had all its hits\n"));
  CHECK_THAT(change(TriggerChange::GIVEN_UP, 1, ""), ContainsSubstring(" disarmed: "));
  CHECK_THAT(change(TriggerChange::NOT_ARMED, 0, "no\nroom"),
             ContainsSubstring(" NOT ARMED: no\\nroom\n"));
  CHECK_THAT(change(static_cast<TriggerChange>(77), 0, ""),
             ContainsSubstring(" changed in an unknown way\n"));
}

TEST_CASE(
    "the vCPUs' waits for a CPU of the host are shown since the previous reading, and in total") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started();
  delays(builder, 0, {1000, 0});
  delays(builder, 1, {1100, 0});  // a millisecond later
  builder.add([](schema::Record::Builder record) {
    record.initThawed().setFrozenNs(500'000);
    record.getThawed().setWaitedKnown(true);
    record.getThawed().setWaitedNs(20'000);
  });
  delays(builder, 0, {1700, 0});  // two, of which half of one was frozen
  const std::string text = shown(builder.seal().path);
  CHECK_THAT(text, ContainsSubstring("vCPUs' waits for a CPU of the host are counted from here\n"));
  CHECK_THAT(
      text,
      ContainsSubstring(
          "]  waited for a CPU of the host, in 1.00 ms: CPU 0 100 us (10.0 %), CPU 1 none\n"));
  CHECK_THAT(text, ContainsSubstring(
                       "thawed after 500 us, 20.0 us of it waiting for a CPU of the host\n"));
  CHECK_THAT(text, ContainsSubstring("CPU 0 600 us (40.0 %)"));
  CHECK_THAT(text,
             ContainsSubstring(
                 "host        in 2.50 ms, vCPUs waited for a CPU: CPU 0 700 us (28.0 %), CPU"));
}

TEST_CASE("the guest's clocksource is shown, and each change of it") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started();
  for (const auto& clock : {std::pair("kvm-clock", ""), std::pair("tsc\x1b", "kvm-clock")}) {
    builder.add([&](schema::Record::Builder record) {
      record.initClocksourceSeen().setName(as_data(std::string_view(clock.first)));
      record.getClocksourceSeen().setBefore(as_data(std::string_view(clock.second)));
    });
  }
  const std::string text = shown(builder.seal().path);
  CHECK_THAT(text, ContainsSubstring("clocksource kvm-clock, then tsc\\x1b\n"));
  CHECK_THAT(text, ContainsSubstring("the guest's kernel uses the clocksource 'kvm-clock'\n"));
  CHECK_THAT(text,
             ContainsSubstring(
                 "CLOCKSOURCE CHANGED: the guest's kernel uses the clocksource 'tsc\\x1b', no"));
}

TEST_CASE("the change of clocksource that every boot makes is not an alarm") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started();
  builder.add([&](schema::Record::Builder record) {
    record.initClocksourceSeen().setName(as_data(std::string_view("tsc")));
    record.getClocksourceSeen().setBefore(as_data(std::string_view("tsc-early")));
  });
  const std::string text = shown(builder.seal().path);
  CHECK_THAT(text, ContainsSubstring("uses the clocksource 'tsc', no longer 'tsc-early'\n"));
  CHECK_THAT(text, !ContainsSubstring("CLOCKSOURCE CHANGED"));
}

TEST_CASE("a freeze at which several CPUs had reached functions shows each of them") {
  const std::string text = shown_record([](schema::Record::Builder record) {
    auto began = record.initFreezeBegan();
    began.setFreeze(3);
    began.setCause(schema::FreezeCause::TRIGGER);
    began.setTrigger("symbol:one");
    began.setVcpu(1);
    auto hits = began.initHits(2);
    hits[0].setVcpu(1);
    hits[0].setTrigger("symbol:one");
    hits[1].setVcpu(3);
    hits[1].setTrigger("scx-error");
    hits[1].setDetail(as_data("stall\x1b"));
  });
  CHECK_THAT(text,
             ContainsSubstring("freeze 3 cause: trigger on CPUs 1, 3: scx-error, symbol:one\n"));
  CHECK_THAT(text, ContainsSubstring("CPU 1: symbol:one\n"));
  CHECK_THAT(text, ContainsSubstring("CPU 3: scx-error: stall\\x1b\n"));
}

TEST_CASE("the rest of a long list of CPUs, values or bytes is counted") {
  CHECK_THAT(shown_record([](schema::Record::Builder record) {
               auto began = record.initFreezeBegan();
               began.setFreeze(1);
               began.setCause(schema::FreezeCause::TRIGGER);
               auto hits = began.initHits(20);
               for (unsigned i = 0; i < hits.size(); ++i) {
                 hits[i].setVcpu(i);
                 hits[i].setTrigger("symbol:one");
               }
             }),
             ContainsSubstring(" on CPUs 0, 1, 2, 3,") &&
                 ContainsSubstring(" 14, 15 and 4 more: symbol:one\n"));
  capnp::MallocMessageBuilder message;
  auto value = message.initRoot<schema::Value>();
  auto list = value.initList(18);
  for (unsigned i = 0; i < list.size(); ++i) list[i].setU64(i);
  CHECK(shown_value(value.asReader()) ==
        "18 entries: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 and 2 more");
  value.setBytes(as_data(std::string(34, '\x01')));
  std::string hex;
  for (int i = 0; i < 32; ++i) hex += "01";
  CHECK(shown_value(value.asReader()) == "34 bytes: " + hex + " and 2 more");
}

TEST_CASE(
    "a freeze at an interval shows its interval, and a tape without counts in its seal those that "
    "froze") {
  TempDir folder;
  const auto shown_with = [&](const char* name, uint64_t interval) {
    TapeBuilder builder(folder.file(name));
    for (uint64_t freeze = 1; freeze <= 2; ++freeze) {
      builder.add([&](schema::Record::Builder record) {
        record.initFreezeBegan().setFreeze(freeze);
        record.getFreezeBegan().setCause(schema::FreezeCause::PERIODIC);
        record.getFreezeBegan().setInterval(interval * freeze);
      });
    }
    return shown(builder.seal().path);
  };
  const std::string text = shown_with("new.ktape", 3);
  CHECK_THAT(text, ContainsSubstring("freeze 2 cause: periodic, interval 6\n"));
  CHECK_THAT(text, ContainsSubstring("frozen on   time: 2 of the first 6 intervals froze\n"));
  CHECK_THAT(shown_with("old.ktape", 0), ContainsSubstring("frozen on   time: 2 freezes\n"));
}

TEST_CASE("the console is shown on request, with its control characters made visible") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  record_sample_run(builder);
  std::string path = builder.seal().path;
  CHECK_THAT(shown(path), !ContainsSubstring("Linux version 6.16.12"));
  CHECK_THAT(shown(path, {.console = true}), ContainsSubstring("Linux version 6.16.12\n"));
  CHECK_THAT(shown(path, {.console = true}), ContainsSubstring("\\x1b[2Jcleared?\n"));
}

TEST_CASE("a panic is shown with its text") {
  std::string text = shown_record([](schema::Record::Builder record) {
    record.initGuestPanicked().setText(as_data("Kernel panic - not syncing: sysrq\nCall Trace:\n"));
  });
  CHECK_THAT(text, ContainsSubstring("GUEST PANICKED\n"));
  CHECK_THAT(text, ContainsSubstring("  Kernel panic - not syncing: sysrq\n"));
}

TEST_CASE("losses are shown with what they mean") {
  std::string text = shown_record([](schema::Record::Builder record) {
    auto counter = record.initLost().initCounters(1)[0];
    counter.setName("console_bytes");
    counter.setDescription("console text over its limit");
    counter.setCount(17);
  });
  CHECK_THAT(text, ContainsSubstring("17 console_bytes: console text over its limit\n"));
}

TEST_CASE("an exit is shown with its code and its meaning, a failed enable as such") {
  const std::string exited = shown_record([](schema::Record::Builder record) {
    auto exit = record.initSchedulerExited();
    exit.setId(2);
    exit.setKind(66);
    exit.setExitCode(0x1000100000000);
    exit.setReason(as_data("unregistered from the main kernel"));
  });
  CHECK_THAT(exited,
             ContainsSubstring(
                 "scheduler 2 exited, SCX_EXIT_UNREG_KERN (66), code 0x1000100000000: restart,\n"
                 "                      CPU hotplug: unregistered from the main kernel"));
  const std::string failed = shown_record([](schema::Record::Builder record) {
    auto exit = record.initSchedulerEnableFailed();
    exit.setId(3);
    exit.setKind(1024);
    exit.setReason(as_data("runtime error"));
  });
  CHECK_THAT(failed, ContainsSubstring(
                         "scheduler 3 was not enabled, SCX_EXIT_ERROR (1024): runtime error"));
}

TEST_CASE("text of the guest cannot control the terminal, wherever it is shown") {
  std::string text = shown_record([](schema::Record::Builder record) {
    auto exited = record.initSchedulerExited();
    exited.setReason(as_data("\x1b]0;title\x07"));
    exited.setMessage(as_data("\x9b"));
  });
  for (char c : text) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
  CHECK_THAT(text, ContainsSubstring("\\x1b]0;title\\x07"));
}

TEST_CASE("a whole object is shown member by member, by the types that the tape has") {
  BtfBuilder types;
  const int number = types.integer("unsigned int", 4);
  const int inner = types.structure("load", 4, {{"weight", number, 0}});
  const int rq = types.structure("rq", 8, {{"nr_running", number, 0}, {"load", inner, 4}});
  types.per_cpu_variable("runqueues", rq);

  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  const Digest btf = must(builder.writer().add_blob("btf", types.bytes()));
  builder.add([&](schema::Record::Builder record) {
    record.initKernelIdentified().setBtfDigest(as_data(std::span<const std::byte>(btf)));
  });
  builder.add([](schema::Record::Builder record) {
    auto request = record.initOpRequested();
    request.setOp(1);
    auto entry = request.initEntries(1)[0];
    entry.setTag("queue");
    per_cpu_target("runqueues", 0, "")(entry.initTarget());
    entry.setRead(schema::ValueKind::WHOLE);
  });
  builder.add([](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(1);
    auto entry = reply.initEntries(1)[0];
    entry.setStatus(schema::EntryStatus::DONE);
    entry.initValue().setBytes(as_data(std::string_view("\x03\0\0\0\x00\x04\0\0", 8)));
  });
  const std::string path = builder.seal().path;
  CHECK_THAT(shown(path, {}, true),
             ContainsSubstring("queue: runqueues[cpu 0] =\n"
                               "                          {\n"
                               "                            nr_running = 3\n"
                               "                            load = {\n"
                               "                              weight = 1024\n"
                               "                            }\n"
                               "                          }\n"));
  CHECK_THAT(shown(path), !ContainsSubstring("nr_running = 3"));
}

}  // namespace ktape::test
