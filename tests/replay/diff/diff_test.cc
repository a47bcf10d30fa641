// SPDX-License-Identifier: Apache-2.0
#include "replay/diff/diff.h"

#include <algorithm>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "replay/diff/diff_text.h"
#include "replay/tape/volatile_value.h"
#include "tests/replay/two_runs.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

DiffTape tape_of(const RunSpec& spec) {
  TempDir folder;
  std::string path = record_run(folder.file("run.ktape"), spec).path;
  auto tape = must(TapeReader::open(path));
  return DiffTape{path, "intact", "", must(gather_run_facts(*tape)), {}, {}, {}};
}

DiffSide side_of(const DiffTape& tape) { return DiffSide{tape.path, {tape}}; }

// One side, with repeats.
DiffSide repeats_of(const std::vector<RunSpec>& specs) {
  DiffSide side{"folder", {}};
  for (const RunSpec& spec : specs) side.tapes.push_back(tape_of(spec));
  return side;
}

// Repeats that are equal except for the vtime that they read.
DiffSide repeats_with_vtime(const std::vector<uint64_t>& values) {
  std::vector<RunSpec> specs;
  for (const uint64_t value : values) specs.push_back({.vtime_read = value});
  return repeats_of(specs);
}

Diff diff_of(const DiffTape& a, const DiffTape& b) { return compare_runs(side_of(a), side_of(b)); }
Diff diff_of(const RunSpec& a, const RunSpec& b) { return diff_of(tape_of(a), tape_of(b)); }

std::vector<Difference> of_kind(const Diff& diff, DiffKind kind, Weight weight = Weight::kMatters) {
  std::vector<Difference> found;
  for (const Difference& one : diff.differences) {
    if (one.kind == kind && one.weight == weight) found.push_back(one);
  }
  return found;
}

// The only difference of that weight.
Difference only(const Diff& diff, Weight weight = Weight::kMatters) {
  REQUIRE(diff.count(weight) == 1);
  return *std::ranges::find(diff.differences, weight, &Difference::weight);
}

// The text about the only value that differs.
Difference value_of(const Diff& diff) {
  std::vector<Difference> found;
  for (const Difference& one : diff.differences) {
    if (one.kind == DiffKind::kValue) found.push_back(one);
  }
  REQUIRE(found.size() == 1);
  return found.front();
}

}  // namespace

TEST_CASE("two runs that differ only as any two runs do have no difference that matters") {
  RunSpec other{.slide = 0x1000000,
                .pid = 146,
                .start_boottime_ns = 1'970'000'000,
                .nr_running = 0,
                .jiffies = 4'294'892'883,
                .vtime_read = 9999};
  Diff diff = diff_of({}, other);
  CHECK(diff.mattering() == 0);
  CHECK(of_kind(diff, DiffKind::kValue, Weight::kMayVary).size() == 3);
  CHECK(of_kind(diff, DiffKind::kThisRun, Weight::kHidden).size() >= 3);  // slide, pid, start time
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

TEST_CASE("a layout that no request uses does not matter; one that a request uses does") {
  DiffTape a = tape_of({});
  DiffTape b = tape_of({.vtime_offset = 992});
  CHECK_FALSE(a.asked);  // such a tape does not tell
  a.asked = FieldNames{{"struct rq", "nr_running"}};
  b.asked = a.asked;
  Diff own = diff_of(a, b);
  CHECK(own.mattering() == 0);
  REQUIRE(of_kind(own, DiffKind::kLayout, Weight::kHidden).size() == 1);
  CHECK(of_kind(own, DiffKind::kLayout, Weight::kHidden)[0].why ==
        "no request asks for it: ktape used it internally");
  b.asked->emplace("struct task_struct", "scx.dsq_vtime");
  CHECK(only(diff_of(a, b)).kind == DiffKind::kLayout);
}

TEST_CASE(
    "the layouts that requests use are separated from those that ktape itself uses, by the tape's "
    "types") {
  auto tape = must(TapeReader::open(KTAPE_TAPES "/cold_path_roundtrip-7.3.4.ktape"));
  CHECK(must(asked_fields(*tape)) ==
        FieldNames{{"struct rq", "nr_running"}, {"struct task_struct", "scx.dsq_vtime"}});
}

TEST_CASE(
    "with one scenario on two kernels only the fields that it uses have a layout that changed") {
  const auto tape = [](const std::string& version) {
    DiffTape made;
    made.path = KTAPE_TAPES "/cold_path_roundtrip-" + version + ".ktape";
    auto reader = must(TapeReader::open(made.path));
    made.run = must(gather_run_facts(*reader));
    made.asked = must(asked_fields(*reader));
    return made;
  };
  Diff diff = diff_of(tape("6.16.12"), tape("7.3.4"));
  for (const Difference& one : of_kind(diff, DiffKind::kLayout))
    CHECK((one.subject == "struct rq nr_running" ||
           one.subject == "struct task_struct scx.dsq_vtime"));
  CHECK(of_kind(diff, DiffKind::kLayout, Weight::kHidden).size() > 5);
  CHECK(of_kind(diff, DiffKind::kMissing).empty());
}

TEST_CASE("a refused write is a reply that changed, and its gate a gate that changed") {
  Diff diff = diff_of({}, {.write_status = schema::EntryStatus::REFUSED});
  std::vector<Difference> replies = of_kind(diff, DiffKind::kReply);
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].a == "done");
  CHECK(replies[0].b == "refused: gate 4 (offRunqueue) failed");
  std::vector<Difference> gates = of_kind(diff, DiffKind::kGate, Weight::kHidden);
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

TEST_CASE(
    "another exit of the scheduler is an outcome that changed; other numbers in its message are "
    "not") {
  RunSpec stalled{.exit_kind = 1026, .exit_message = "sleeper[147] failed to run for 30.012s"};
  Difference one = only(diff_of({}, stalled));
  CHECK(one.kind == DiffKind::kOutcome);
  CHECK(one.b ==
        "exited, SCX_EXIT_ERROR_STALL (1026): runnable task stall: sleeper[147] failed to run for "
        "30.012s");
  RunSpec again = stalled;
  again.exit_message = "sleeper[146] failed to run for 30.780s";
  CHECK(diff_of(stalled, again).mattering() == 0);
}

TEST_CASE(
    "another exit code of the scheduler is an outcome that changed, printed with its meaning") {
  Difference one = only(diff_of({}, {.exit_code = 0x1000100000000}));
  CHECK(one.kind == DiffKind::kOutcome);
  CHECK(one.b ==
        "exited, SCX_EXIT_UNREG (64), code 0x1000100000000: restart, CPU hotplug: unregistered "
        "from user "
        "space");
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

TEST_CASE("a changed verdict is reported with its evidence") {
  DiffTape a = tape_of({});
  DiffTape b = a;
  a.verdicts["mine"] = {CheckResult::Kind::kPassed, ExitCode::kGood, ""};
  b.verdicts["mine"] = {CheckResult::Kind::kViolated, ExitCode::kViolated, ""};
  b.evidence["mine"] = "violated, seq 12: it went back";
  Difference one = only(diff_of(a, b));
  CHECK(one.kind == DiffKind::kVerdict);
  CHECK(one.a == "passes");
  CHECK(one.b == "is violated: violated, seq 12: it went back");
}

TEST_CASE("whether freeze-consistent passes or is inconclusive is arbitrary; a violation is not") {
  DiffTape a = tape_of({});
  DiffTape b = a;
  a.verdicts["freeze-consistent"] = {CheckResult::Kind::kPassed, ExitCode::kGood, ""};
  b.verdicts["freeze-consistent"] = {CheckResult::Kind::kInconclusive, ExitCode::kInconclusive,
                                     "a lock"};
  CHECK(diff_of(a, b).mattering() == 0);
  b.verdicts["freeze-consistent"] = {CheckResult::Kind::kViolated, ExitCode::kViolated, ""};
  CHECK(only(diff_of(a, b)).kind == DiffKind::kVerdict);
}

TEST_CASE("what ktape reads for itself does not matter") {
  DiffTape a = tape_of({});
  DiffTape b = tape_of({.vtime_after_write = 7001});
  for (DiffTape* tape : {&a, &b}) {
    for (EntryFacts& entry : tape->run.entries) entry.own = true;
  }
  const Diff diff = diff_of(a, b);
  CHECK(diff.mattering() == 0);
  CHECK_FALSE(of_kind(diff, DiffKind::kValue, Weight::kHidden).empty());
}

TEST_CASE("runs of different scenarios are aligned by the names of steps and tags") {
  Diff diff = diff_of(
      {}, {.scenario = "other", .scenario_text = "( name = \"other\" )", .vtime_after_write = 5});
  CHECK(!diff.same_scenario);
  CHECK(only(diff).kind == DiffKind::kValue);
}

TEST_CASE("addresses, times, process ids and counts are known by type and by name") {
  CHECK(how_it_varies({.name = "mm", .type = "struct mm_struct *"}) == Variation::kAddress);
  CHECK(how_it_varies({.name = "jiffies_64"}) == Variation::kTime);
  CHECK(how_it_varies({.name = "sum_exec_runtime", .type = "u64"}) == Variation::kTime);
  CHECK(how_it_varies({.name = "whatever", .type = "ktime_t"}) == Variation::kTime);
  CHECK(how_it_varies({.name = "tgid", .type = "int"}) == Variation::kProcessId);
  CHECK(how_it_varies({.name = "nvcsw"}) == Variation::kCount);
  CHECK(how_it_varies({.name = "run_delay", .path = "sched_info.run_delay"}) == Variation::kCount);
  CHECK(how_it_varies({.name = "pcount", .path = "sched_info.pcount"}) == Variation::kCount);
  CHECK(how_it_varies({.name = "wait_sum", .path = "stats.wait_sum"}) == Variation::kCount);
  CHECK(how_it_varies({.name = "whatever", .path = "se.avg.whatever"}) == Variation::kCount);
  CHECK(how_it_varies({.name = "nr_running", .per_cpu = true}) == Variation::kMomentary);
  CHECK(how_it_varies({.name = "on_rq"}) == Variation::kMomentary);
  CHECK(!zero_is_significant(Variation::kMomentary));
  CHECK(!zero_is_significant(Variation::kCount));
  CHECK(zero_is_significant(Variation::kTime));
  CHECK(how_it_varies({.name = "scx", .bytes = true}) == Variation::kBytes);
  CHECK(how_it_varies({.name = "policy", .type = "unsigned int"}) == Variation::kNone);
  CHECK(how_it_varies({.name = "nr_cpus_allowed"}) == Variation::kNone);
  CHECK(how_it_varies({.name = "weight", .path = "scx.weight"}) == Variation::kNone);
  CHECK(how_it_varies({.name = "prio", .path = "myavg.prio"}) == Variation::kNone);
}

TEST_CASE("a time that a user has read may vary, and is shown") {
  const Difference one = only(diff_of({}, {.vtime_read = 357'218'481}), Weight::kMayVary);
  CHECK(one.kind == DiffKind::kValue);
  CHECK(one.a == "7000");
  CHECK(one.b == "357218481");
  CHECK(one.why == "a time");
}

TEST_CASE("a written value that has advanced in both runs may vary") {
  CHECK(diff_of({.vtime_after_write = 7100}, {.vtime_after_write = 7200}).mattering() == 0);
  CHECK(only(diff_of({.vtime_after_write = 7100}, {})).kind == DiffKind::kValue);
}

TEST_CASE("a time beyond what the repeats vary by has changed") {
  const Diff diff = compare_runs(repeats_with_vtime({655'462, 650'000}),
                                 repeats_with_vtime({357'218'481, 357'000'000}));
  const Difference one = only(diff);
  CHECK(one.kind == DiffKind::kValue);
  CHECK(one.a == "650000..655462");
  CHECK(one.b == "357000000..357218481");
  CHECK(one.repeats_b.size() == 2);
}

TEST_CASE("a value within what the repeats vary by is the same") {
  const Diff diff =
      compare_runs(repeats_with_vtime({100, 300, 200}), repeats_with_vtime({250, 400, 299}));
  CHECK(diff.mattering() == 0);
  CHECK(only(diff, Weight::kMayVary).why == "same within repeats (n=3)");
  const Diff uneven = compare_runs(repeats_with_vtime({200}), repeats_with_vtime({150, 250}));
  CHECK(only(uneven, Weight::kMayVary).why == "same within repeats (n=1, 2)");
}

TEST_CASE("few repeats that are close together are not conclusive; many are") {
  const Diff few =
      compare_runs(repeats_with_vtime({100, 110, 120}), repeats_with_vtime({125, 130, 140}));
  CHECK(few.mattering() == 0);
  CHECK(value_of(few).why == "apart, but too few repeats (n=3)");
  const Diff many = compare_runs(repeats_with_vtime({100, 110, 120, 119}),
                                 repeats_with_vtime({125, 130, 140, 126}));
  CHECK(only(many).kind == DiffKind::kValue);
}

TEST_CASE(
    "what only some repeats of one side have may vary; what no repeat of the other side has is a "
    "difference") {
  const RunSpec lost{.lost_bytes = 17};
  const RunSpec timed_out{.outcome = schema::Outcome::RUN_TIMED_OUT};
  const Diff flaky = compare_runs(repeats_of({{}, {}, {}}), repeats_of({{}, timed_out, {}}));
  CHECK(flaky.mattering() == 0);
  const Difference one = only(flaky, Weight::kMayVary);
  CHECK(one.kind == DiffKind::kOutcome);
  CHECK_THAT(one.b, ContainsSubstring("2 of 3: completed, exit code 0; 1 of 3: run timed out"));
  CHECK(only(compare_runs(repeats_of({{}, {}}), repeats_of({lost, lost}))).kind == DiffKind::kLoss);
}

TEST_CASE("an outcome that half of many repeats have, and none of the others, is a difference") {
  std::vector<RunSpec> flaky(12);
  for (size_t i = 0; i < 6; ++i) flaky[i].outcome = schema::Outcome::RUN_TIMED_OUT;
  CHECK(only(compare_runs(repeats_of(std::vector<RunSpec>(12)), repeats_of(flaky))).kind ==
        DiffKind::kOutcome);
}

TEST_CASE("an entry that a repeat lacks is reported with the number of repeats that have it") {
  const Diff diff =
      compare_runs(repeats_of({{}, {}}), repeats_of({{.with_last_entry = false}, {}}));
  CHECK(diff.mattering() == 0);
  const Difference one = only(diff, Weight::kMayVary);
  CHECK(one.kind == DiffKind::kMissing);
  CHECK(one.b == "1 of 2: not there; 1 of 2: 4294892877");
}

TEST_CASE("repeats of identical runs have no difference that matters") {
  const RunSpec other{.slide = 0x1000000,
                      .pid = 146,
                      .nr_running = 0,
                      .jiffies = 4'294'892'900,
                      .vtime_read = 9999};
  const Diff diff = compare_runs(repeats_of({{}, other}), repeats_of({other, {}, other}));
  CHECK(diff.mattering() == 0);
  CHECK(of_kind(diff, DiffKind::kValue, Weight::kMayVary).size() == 3);
}

TEST_CASE("the probability of shares is computed exactly") {
  CHECK(chance_of_shares(0, 3, 3, 3) == Catch::Approx(0.1));
  CHECK(chance_of_shares(4, 4, 0, 4) == Catch::Approx(2.0 / 70));
  CHECK(chance_of_shares(0, 5, 5, 10) == Catch::Approx(0.1009).epsilon(0.01));
  CHECK(chance_of_shares(2, 4, 2, 4) == Catch::Approx(1));
  CHECK(chance_of_shares(0, 1, 0, 1) == Catch::Approx(1));
}

TEST_CASE("negative values of repeats are ordered correctly") {
  const auto seen = [](uint64_t rank) { return Seen{"", std::to_string(rank), rank, Seq(0)}; };
  CHECK(change_between({seen(1), seen(5)}, {seen(2)}) == Change::kWithinRepeats);
  CHECK(change_between({seen(1), seen(2)}, {seen(UINT64_MAX)}) == Change::kChanged);
}

TEST_CASE("numbers are removed from a text, names that end in digits stay") {
  CHECK(without_numbers("sleeper[147] failed to run for 30.012s") ==
        "sleeper[N] failed to run for Ns");
  CHECK(without_numbers("at 0xffff8881 in cpu3, worker2.") == "at N in cpu3, worker2.");
  CHECK(without_numbers("ends with 12.") == "ends with N.");
}

TEST_CASE("the guests' clocksources are compared, and a change in one run alone is a difference") {
  const DiffTape steady = tape_of({.clocksources = {"kvm-clock"}});
  const DiffTape other = tape_of({.clocksources = {"tsc"}});
  const DiffTape unsteady = tape_of({.clocksources = {"tsc", "hpet"}});
  // Compared like kernel and machine.
  CHECK(diff_of(steady, other).mattering() == 0);
  const std::string text =
      diff_as_text(side_of(steady), side_of(other), diff_of(steady, other), false);
  CHECK_THAT(text, ContainsSubstring("clock"));
  CHECK_THAT(text, ContainsSubstring("kvm-clock"));
  const Difference found = only(diff_of(other, unsteady));
  CHECK(found.kind == DiffKind::kMissing);
  CHECK_THAT(found.subject + found.b, ContainsSubstring("the guest's clocksource changed"));
}

// Whether a freeze came before it happened is arbitrary; that the kernel abandoned the TSC is not.
TEST_CASE("a change of the clocksource that every boot makes is not a difference") {
  const DiffTape late = tape_of({.clocksources = {"tsc"}});
  CHECK(diff_of(tape_of({.clocksources = {"tsc-early", "tsc"}}), late).mattering() == 0);
  CHECK(diff_of(tape_of({.clocksources = {"refined-jiffies", "tsc-early", "tsc"}}), late)
            .mattering() == 0);
  CHECK(diff_of(tape_of({.clocksources = {"tsc-early", "hpet"}}), late).mattering() == 1);
}

TEST_CASE("the columns of a table are aligned by characters, not by bytes") {
  const DiffSide side = side_of(tape_of({}));
  Diff diff;
  for (const char* value : {"ööö", "abc"}) {
    diff.differences.push_back(
        {.subject = value, .a = value, .b = "1", .weight = Weight::kMayVary, .why = "a time"});
  }
  const std::string text = diff_as_text(side, side, diff, false, Colors());
  CHECK_THAT(text, ContainsSubstring("  ööö  ööö  1  a time\n  abc  abc  1  a time\n"));
}

}  // namespace ktape::test
