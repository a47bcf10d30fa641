// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/series.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

namespace ktape::test {

namespace {

EntryFacts entry(uint64_t value, const std::string& type = "u64", uint32_t width = 8) {
  EntryFacts facts;
  facts.tag = "ticks";
  facts.target = facts.name = "jiffies_64";
  facts.status = schema::EntryStatus::DONE;
  facts.type = type;
  facts.width_bytes = width;
  facts.value = {true, false, value == 0, std::to_string(value), std::to_string(value), value};
  return facts;
}

RunFacts run(std::vector<EntryFacts> entries) {
  RunFacts facts;
  facts.entries = std::move(entries);
  return facts;
}

std::string summary(std::vector<EntryFacts> entries) {
  const RunFacts facts = run(std::move(entries));
  return summary_text(series_of(facts).at(0));
}

}  // namespace

TEST_CASE("a series has its number of values, their ends and a median that was read") {
  CHECK(summary({entry(9), entry(3), entry(5), entry(4)}) == "4 values from 3 to 9, median 4");
  CHECK(summary({entry(7), entry(7)}) == "2 values from 7 to 7, median 7");
}

TEST_CASE("numbers of a signed type are in the order of signed numbers") {
  const RunFacts facts =
      run({entry(1, "int", 4), entry(0xffffffff, "int", 4), entry(0x80000000, "int", 4)});
  const SeriesSummary found = summary_of(series_of(facts).at(0).entries);
  CHECK(found.least->value.number == 0x80000000);
  CHECK(found.median->value.number == 0xffffffff);
  CHECK(found.most->value.number == 1);
}

TEST_CASE("what was not done is counted apart") {
  EntryFacts failed = entry(1);
  failed.status = schema::EntryStatus::FAILED;
  CHECK(summary({entry(3), failed, entry(5)}) == "2 values from 3 to 5, median 3; 1 not done");
  CHECK(summary({failed, failed}) == "0 values; 2 not done");
}

TEST_CASE("values without an order are listed, each once") {
  EntryFacts text = entry(0);
  text.value.number.reset();
  EntryFacts other = text;
  other.value.shown = other.value.exact = "b";
  CHECK(summary({other, text, other}) == "3 values, among them 0, b");
  std::vector<EntryFacts> many;
  for (const char* value : {"a", "b", "c", "d", "e", "f", "g"}) {
    many.push_back(text);
    many.back().value.shown = many.back().value.exact = value;
  }
  CHECK(summary(many) == "7 values, among them a, b, c, d, e and 2 more");
}

TEST_CASE("a tag with one value is no series, and what ktape read by itself is none") {
  EntryFacts own = entry(1);
  own.own = true;
  EntryFacts other = entry(1);
  other.target = "another";
  CHECK(series_of(run({entry(1), own, own, other})).empty());
}

}  // namespace ktape::test
