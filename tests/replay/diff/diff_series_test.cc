// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <utility>
#include <vector>

#include "replay/diff/diff.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

// How `ktape diff` compares series: as a whole, never value by value.
namespace ktape::test {

namespace {

struct SeriesSpec {
  std::vector<uint64_t> values;
  bool every = false;
  FillTarget target = per_cpu_target("runqueues", 0, "nr_running");
  std::string type = "unsigned int";
  bool last_fails = false;
  size_t refused = 0;  // so many more, that have no value
  size_t own = 0;      // so many more, that ktape read on its own, of the value 99
  bool own_first = false;
};

// Values of a tag in one step.
DiffTape series_tape(const SeriesSpec& spec) {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started("t");
  builder.step_started(0, "look");
  uint64_t interval = 0;
  const TapeEntry own{.tag = "nr", .target = spec.target, .value = 99, .type = spec.type};
  for (size_t i = 0; spec.own_first && i < spec.own; ++i) builder.hot(own);
  for (const uint64_t value : spec.values) {
    TapeEntry entry{.tag = "nr", .target = spec.target, .value = value, .type = spec.type};
    if (spec.last_fails && interval + 1 == spec.values.size()) {
      entry.status = schema::EntryStatus::FAILED;
      entry.reason = "not mapped";
    }
    ++interval;
    builder.hot(entry, spec.every ? interval : 0);
  }
  for (size_t i = 0; i < spec.refused; ++i) {
    TapeEntry entry{.tag = "nr", .target = spec.target, .type = spec.type};
    entry.status = schema::EntryStatus::REFUSED;
    entry.reason = "gate 4";
    builder.hot(entry, spec.every ? ++interval : 0);
  }
  for (size_t i = 0; !spec.own_first && i < spec.own; ++i) builder.hot(own);
  builder.step_finished(0);
  const std::string path = builder.seal().path;
  auto tape = must(TapeReader::open(path));
  RunFacts run = must(gather_run_facts(*tape));
  const size_t first_own = spec.own_first ? 0 : run.entries.size() - spec.own;
  for (size_t i = 0; i < spec.own; ++i) run.entries[first_own + i].own = true;
  return DiffTape{path, "intact", "", std::move(run), {}, {}, {}};
}

DiffSide side_of(const std::vector<SeriesSpec>& specs) {
  DiffSide side{"x", {}};
  for (const SeriesSpec& spec : specs) side.tapes.push_back(series_tape(spec));
  return side;
}

// What is shown of the values: "SUBJECT: A | B", with the reason if it does not matter.
std::vector<std::string> shown(const std::vector<SeriesSpec>& a, const std::vector<SeriesSpec>& b) {
  std::vector<std::string> lines;
  for (const Difference& one : compare_runs(side_of(a), side_of(b)).differences) {
    if (one.weight == Weight::kHidden) continue;
    const std::string why = one.why.empty() ? "" : " [" + one.why + "]";
    lines.push_back(one.subject + ": " + one.a + " | " + one.b + why);
  }
  return lines;
}

const std::string kSubject = "step 0 'look', nr: runqueues[cpu 0].nr_running";

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("the order of a series' values does not matter") {
  CHECK(shown({{{1, 2, 3, 4}}}, {{{4, 3, 2, 1}}}).empty());
  // Nor do values between the least, the median and the largest.
  CHECK(shown({{{1, 2, 3, 8, 9}}}, {{{1, 3, 3, 4, 9}}}).empty());
}

TEST_CASE("series are compared by least, median, largest and number of values") {
  const FillTarget weight = per_cpu_target("runqueues", 0, "cfs.load.weight");
  const Lines lines = shown({{.values = {2, 3, 9}, .target = weight}},
                            {{.values = {1, 5, 7, 8}, .target = weight}});
  const std::string subject = "step 0 'look', nr: runqueues[cpu 0].cfs.load.weight";
  CHECK(lines.size() == 4);
  const auto has = [&](const std::string& line) {
    return std::ranges::any_of(lines,
                               [&](const std::string& one) { return one.starts_with(line); });
  };
  CHECK(has(subject + ", least value: 2 | 1"));
  CHECK(has(subject + ", median: 3 | 5"));
  CHECK(has(subject + ", largest value: 9 | 8"));
  CHECK(has(subject + ", number of values: 3 | 4"));
}

TEST_CASE("how many intervals passed may vary") {
  const SeriesSpec three{.values = {5, 5, 5}, .every = true};
  const SeriesSpec four{.values = {5, 5, 5, 5}, .every = true};
  CHECK(shown({three}, {four}) ==
        Lines{kSubject + ", number of values: 3 | 4 [intervals may be missed]"});
  // With repeats their variation decides.
  CHECK(shown({three, three}, {four, four}) == Lines{kSubject + ", number of values: 3 | 4"});
}

TEST_CASE("a series on one side and one value on the other are compared as series") {
  const Lines lines = shown({{{5}}}, {{{5, 5}}});
  CHECK(lines == Lines{kSubject + ", number of values: 1 | 2"});
}

TEST_CASE("values of a series that were not done are reported by their reason, not by place") {
  const Lines lines = shown({{{5, 5, 5}}}, {{.values = {5, 5, 5}, .last_fails = true}});
  CHECK(lines == Lines{kSubject + ": 3 done | 2 done; 1 failed: not mapped"});
}

TEST_CASE("series whose values were done in other shares are not the same") {
  const SeriesSpec most{.values = {5, 5, 5, 5}, .refused = 2};
  const SeriesSpec few{.values = {5, 5}, .refused = 4};
  CHECK(shown({most}, {most}).empty());
  CHECK(shown({most}, {few}) == Lines{kSubject + ", number done: 4 of 6 | 2 of 6"});
}

TEST_CASE("intervals that were missed explain fewer that were done, but not more that were not") {
  const SeriesSpec six{.values = {5, 5, 5, 5}, .every = true, .refused = 2};
  const SeriesSpec one_less{.values = {5, 5, 5}, .every = true, .refused = 2};
  const SeriesSpec refused{.values = {5, 5}, .every = true, .refused = 3};
  CHECK(shown({six}, {one_less}) ==
        Lines{kSubject + ", number done: 4 of 6 | 3 of 5 [intervals may be missed]",
              kSubject + ", number of values: 6 | 5 [intervals may be missed]"});
  CHECK(shown({six}, {refused}) ==
        Lines{kSubject + ", number done: 4 of 6 | 2 of 5",
              kSubject + ", number of values: 6 | 5 [intervals may be missed]"});
}

TEST_CASE("what ktape read on its own is no value of a series") {
  const SeriesSpec two{.values = {5, 5}};
  CHECK(shown({two}, {{.values = {5, 5}, .own = 2}}).empty());
  CHECK(shown({two}, {{.values = {5, 5}, .own = 2, .own_first = true}}).empty());
  // Nor does one hide a series in the place of whose first value it is.
  const Lines lines = shown({{.values = {5, 5}, .own = 1, .own_first = true}},
                            {{.values = {5, 5, 5}, .own = 1, .own_first = true}});
  CHECK(lines == Lines{kSubject + ", number of values: 2 | 3"});
}

TEST_CASE("with repeats the range of each figure counts") {
  const FillTarget weight = per_cpu_target("runqueues", 0, "cfs.load.weight");
  const auto side = [&](uint64_t more) {
    std::vector<SeriesSpec> specs;
    for (const uint64_t first : {10, 11, 12})
      specs.push_back({.values = {first + more, 20 + more, 30 + more}, .target = weight});
    return specs;
  };
  CHECK(shown(side(0), side(0)).size() == 1);
  CHECK(shown(side(0), side(0))[0].ends_with("[same within repeats (n=3)]"));
  const Lines lines = shown(side(0), side(1000));
  CHECK(lines.size() == 3);
  CHECK(std::ranges::none_of(lines, [](const std::string& line) { return line.ends_with(']'); }));
}

}  // namespace ktape::test
