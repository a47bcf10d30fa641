// SPDX-License-Identifier: Apache-2.0
#include "replay/diff.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "replay/volatile_value.h"
#include "tests/replay/two_runs.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

DiffSide side_of(const RunSpec& spec) {
  TempDir folder;
  std::string path = record_run(folder.file("run.ktape"), spec).path;
  auto tape = must(JournalReader::open(path));
  return DiffSide{path, "intact", "", must(gather_run_facts(*tape)), {}, {}, {}};
}

Diff diff_of(const RunSpec& a, const RunSpec& b) { return compare_runs(side_of(a), side_of(b)); }

std::vector<Difference> of_kind(const Diff& diff, DiffKind kind, bool matters = true) {
  std::vector<Difference> found;
  for (const Difference& one : diff.differences) {
    if (one.kind == kind && one.hidden.empty() == matters) found.push_back(one);
  }
  return found;
}

// The only difference that matters.
Difference only(const Diff& diff) {
  REQUIRE(diff.mattering() == 1);
  return *std::ranges::find_if(diff.differences, [](const Difference& one) { return one.hidden.empty(); });
}

}  // namespace

TEST_CASE("two runs that differ in what any two runs have different have no difference that matters") {
  RunSpec other{.slide = 0x1000000,
                .pid = 146,
                .start_boottime_ns = 1'970'000'000,
                .nr_running = 0,
                .jiffies = 4'294'892'883,
                .vtime_read = 9999};
  Diff diff = diff_of({}, other);
  CHECK(diff.mattering() == 0);
  CHECK(of_kind(diff, DiffKind::kValue, false).size() == 3);
  CHECK(of_kind(diff, DiffKind::kThisRun, false).size() >= 3);  // slide, pid, start time
}

TEST_CASE("a value that the run wrote before is compared, although it is a time") {
  Difference one = only(diff_of({}, {.vtime_after_write = 7001}));
  CHECK(one.kind == DiffKind::kValue);
  CHECK(one.subject == "step 0 'write', vtime_after: task 'sleeper' scx.dsq_vtime");
  CHECK(one.a == "7000");
  CHECK(one.b == "7001");
  CHECK(one.seq_a.value > 0);
}

TEST_CASE("a time that is 0 in one run only is a difference") {
  CHECK(only(diff_of({}, {.vtime_read = 0})).kind == DiffKind::kValue);
  CHECK(only(diff_of({}, {.jiffies = 0})).kind == DiffKind::kValue);
}

TEST_CASE("a field that moved is a layout that changed, not a value") {
  Difference one = only(diff_of({}, {.vtime_offset = 992}));
  CHECK(one.kind == DiffKind::kLayout);
  CHECK(one.subject == "struct task_struct scx.dsq_vtime");
  CHECK(one.a == "+848, 8 bytes, u64");
  CHECK(one.b == "+992, 8 bytes, u64");
}

TEST_CASE("a layout that no request asks for does not matter; one that a request asks for does") {
  DiffSide a = side_of({});
  DiffSide b = side_of({.vtime_offset = 992});
  CHECK_FALSE(a.asked);  // such a tape does not tell
  a.asked = FieldNames{{"struct rq", "nr_running"}};
  b.asked = a.asked;
  Diff own = compare_runs(a, b);
  CHECK(own.mattering() == 0);
  REQUIRE(of_kind(own, DiffKind::kLayout, false).size() == 1);
  CHECK(of_kind(own, DiffKind::kLayout, false)[0].hidden ==
        "no request asks for it: ktape used it for itself");
  b.asked->emplace("struct task_struct", "scx.dsq_vtime");
  CHECK(only(compare_runs(a, b)).kind == DiffKind::kLayout);
}

TEST_CASE("what a run's requests ask for is told from what ktape uses for itself, by the tape's types") {
  auto tape = must(JournalReader::open(KTAPE_TAPES "/cold_path_roundtrip-7.3.4.ktape"));
  CHECK(must(asked_fields(*tape)) ==
        FieldNames{{"struct rq", "nr_running"}, {"struct task_struct", "scx.dsq_vtime"}});
}

TEST_CASE("of one scenario on two kernels only the fields that it asks for have a layout that changed") {
  const auto side = [](const std::string& version) {
    DiffSide made;
    made.path = KTAPE_TAPES "/cold_path_roundtrip-" + version + ".ktape";
    auto tape = must(JournalReader::open(made.path));
    made.run = must(gather_run_facts(*tape));
    made.asked = must(asked_fields(*tape));
    return made;
  };
  Diff diff = compare_runs(side("6.16.12"), side("7.3.4"));
  for (const Difference& one : of_kind(diff, DiffKind::kLayout))
    CHECK((one.subject == "struct rq nr_running" || one.subject == "struct task_struct scx.dsq_vtime"));
  CHECK(of_kind(diff, DiffKind::kLayout, false).size() > 5);
  CHECK(of_kind(diff, DiffKind::kMissing).empty());
}

TEST_CASE("a refused write is a reply that changed, and its gate a gate that changed") {
  Diff diff = diff_of({}, {.write_status = schema::EntryStatus::REFUSED});
  std::vector<Difference> replies = of_kind(diff, DiffKind::kReply);
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].a == "done");
  CHECK(replies[0].b == "refused: gate 4 (offRunqueue) failed");
  std::vector<Difference> gates = of_kind(diff, DiffKind::kGate, false);
  REQUIRE(gates.size() == 1);  // observed only in these tapes
  CHECK(gates[0].b == "failed: on_rq=1 on_cpu=0");
}

TEST_CASE("an entry that only one run has is missing in the other") {
  Difference one = only(diff_of({}, {.with_last_entry = false}));
  CHECK(one.kind == DiffKind::kMissing);
  CHECK(one.subject == "step 1 'look', jiffies: jiffies_64");
  CHECK(one.b == "not there");
  CHECK(only(diff_of({.with_last_entry = false}, {})).a == "not there");
}

TEST_CASE("another exit of the scheduler is an outcome that changed; other numbers in its message are not") {
  RunSpec stalled{.exit_kind = 1026, .exit_message = "sleeper[147] failed to run for 30.012s"};
  Difference one = only(diff_of({}, stalled));
  CHECK(one.kind == DiffKind::kOutcome);
  CHECK(one.b == "exited, kind 1026: runnable task stall: sleeper[147] failed to run for 30.012s");
  RunSpec again = stalled;
  again.exit_message = "sleeper[146] failed to run for 30.780s";
  CHECK(diff_of(stalled, again).mattering() == 0);
}

TEST_CASE("another outcome of the run is a difference") {
  Difference one = only(diff_of({}, {.outcome = schema::Outcome::RUN_TIMED_OUT}));
  CHECK(one.kind == DiffKind::kOutcome);
  CHECK_THAT(one.b, ContainsSubstring("run timed out"));
}

TEST_CASE("losses matter where only one run lost anything") {
  CHECK(only(diff_of({}, {.lost_bytes = 17})).kind == DiffKind::kLoss);
  CHECK(diff_of({.lost_bytes = 18}, {.lost_bytes = 17}).mattering() == 0);
}

TEST_CASE("a verdict that changed is told with its evidence") {
  DiffSide a = side_of({});
  DiffSide b = a;
  a.verdicts["mine"] = {CheckResult::Kind::kPassed, ExitCode::kGood, ""};
  b.verdicts["mine"] = {CheckResult::Kind::kViolated, ExitCode::kViolated, ""};
  b.evidence["mine"] = "violated, seq 12: it went back";
  Difference one = only(compare_runs(a, b));
  CHECK(one.kind == DiffKind::kVerdict);
  CHECK(one.a == "passes");
  CHECK(one.b == "is violated: violated, seq 12: it went back");
}

TEST_CASE("whether freeze-consistent passes or is inconclusive is chance, that it is violated is not") {
  DiffSide a = side_of({});
  DiffSide b = a;
  a.verdicts["freeze-consistent"] = {CheckResult::Kind::kPassed, ExitCode::kGood, ""};
  b.verdicts["freeze-consistent"] = {CheckResult::Kind::kInconclusive, ExitCode::kInconclusive, "a lock"};
  CHECK(compare_runs(a, b).mattering() == 0);
  b.verdicts["freeze-consistent"] = {CheckResult::Kind::kViolated, ExitCode::kViolated, ""};
  CHECK(only(compare_runs(a, b)).kind == DiffKind::kVerdict);
}

TEST_CASE("what ktape asked for by itself does not matter") {
  DiffSide a = side_of({});
  DiffSide b = side_of({.vtime_after_write = 7001});
  for (DiffSide* side : {&a, &b}) {
    for (EntryFacts& entry : side->run.entries) entry.own = true;
  }
  const Diff diff = compare_runs(a, b);
  CHECK(diff.mattering() == 0);
  CHECK_FALSE(of_kind(diff, DiffKind::kValue, false).empty());
}

TEST_CASE("runs of different scenarios are aligned by the names of steps and tags") {
  Diff diff =
      diff_of({}, {.scenario = "other", .scenario_text = "( name = \"other\" )", .vtime_after_write = 5});
  CHECK(!diff.same_scenario);
  CHECK(only(diff).kind == DiffKind::kValue);
}

TEST_CASE("addresses, times, process ids and counts are known by type and by name") {
  CHECK(how_it_varies({.name = "curr", .type = "struct task_struct *"}).why == "an address");
  CHECK(how_it_varies({.name = "jiffies_64"}).why == "a time");
  CHECK(how_it_varies({.name = "sum_exec_runtime", .type = "u64"}).why == "a time");
  CHECK(how_it_varies({.name = "whatever", .type = "ktime_t"}).why == "a time");
  CHECK(how_it_varies({.name = "tgid", .type = "int"}).why == "a process id");
  CHECK(how_it_varies({.name = "nvcsw"}).why == "a count of events");
  CHECK(how_it_varies({.name = "nr_running", .per_cpu = true}).why == "what a CPU did at that instant");
  CHECK(!how_it_varies({.name = "nr_running", .per_cpu = true}).zero_tells);
  CHECK(how_it_varies({.name = "scx", .bytes = true}).why == "the bytes of a whole object");
  CHECK(how_it_varies({.name = "policy", .type = "unsigned int"}).why.empty());
  CHECK(how_it_varies({.name = "nr_cpus_allowed"}).why.empty());
  CHECK(how_it_varies({.name = "weight"}).why.empty());
}

TEST_CASE("numbers are taken out of a text, names that end in digits stay") {
  CHECK(without_numbers("sleeper[147] failed to run for 30.012s") == "sleeper[N] failed to run for Ns");
  CHECK(without_numbers("at 0xffff8881 in cpu3, worker2.") == "at N in cpu3, worker2.");
  CHECK(without_numbers("ends with 12.") == "ends with N.");
}

}  // namespace ktape::test
