// SPDX-License-Identifier: Apache-2.0
#include "replay/show/record_filter.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

// 1 runStarted, 2 stepStarted, 3 to 7 a request with freeze 1, 8 stepFinished, 9 stepStarted, 10 to
// 14 a request with freeze 2, 15 stepFinished, 16 guestExited, 17 sealed. Each is a millisecond
// after the one before it.
class TwoFreezes {
 public:
  explicit TwoFreezes(const std::string& second_step = "look") {
    TapeBuilder builder(folder_.file("run.ktape"));
    builder.run_started();
    builder.step_started(0, "settle");
    builder.op({TapeEntry{.tag = "a", .target = symbol_target("jiffies_64")}});
    builder.step_finished(0);
    builder.step_started(1, second_step);
    builder.op({TapeEntry{.tag = "b", .target = symbol_target("jiffies_64")}});
    builder.step_finished(1);
    tape_ = must(TapeReader::open(builder.seal().path));
  }

  std::vector<uint64_t> taken(const RecordChoice& choice) const {
    const RecordFilter filter = must(RecordFilter::make(*tape_, choice));
    std::vector<uint64_t> seqs;
    must(tape_->for_each([&](const RecordView& view) -> Result<void> {
      if (filter.takes(view)) seqs.push_back(view.seq.value);
      return {};
    }));
    return seqs;
  }

  Error error(const RecordChoice& choice) const {
    const auto filter = RecordFilter::make(*tape_, choice);
    REQUIRE_FALSE(filter.ok());
    return filter.error();
  }

  uint64_t host_us(uint64_t seq) const {
    uint64_t us = 0;
    must(tape_->at(Seq(seq), [&](const RecordView& view) -> Result<void> {
      us = view.record.getHostNs() / 1000;
      return {};
    }));
    return us;
  }

 private:
  TempDir folder_;
  std::unique_ptr<TapeReader> tape_;
};

using Seqs = std::vector<uint64_t>;

}  // namespace

TEST_CASE("a freeze has its records, the request that it served, and the reply") {
  const TwoFreezes tape;
  CHECK(tape.taken({.freeze = "1"}) == Seqs{3, 4, 5, 6, 7});
  CHECK(tape.taken({.freeze = "2"}) == Seqs{10, 11, 12, 13, 14});
}

TEST_CASE("a freeze that the tape has not is named, with how many it has") {
  const TwoFreezes tape;
  const Error error = tape.error({.freeze = "9"});
  CHECK(error.code == ErrorCode::kNotApplicable);
  CHECK(error.message == "the tape has 2 freezes, there is no freeze 9");
}

TEST_CASE("option --from and --to take records, both of them included") {
  const TwoFreezes tape;
  CHECK(tape.taken({.from = "15"}) == Seqs{15, 16, 17});
  CHECK(tape.taken({.to = "2"}) == Seqs{1, 2});
  CHECK(tape.taken({.from = "7", .to = "7"}) == Seqs{7});
  CHECK(tape.error({.from = "18"}).message == "the tape has 17 records, there is no record 18");
  CHECK(tape.error({.to = "0"}).message == "the tape has 17 records, there is no record 0");
  CHECK(tape.error({.from = "9", .to = "8"}).message == "--from 9 is after --to 8");
}

TEST_CASE("option --from and --to take times as the time line has them") {
  const TwoFreezes tape;
  const auto time = [&](uint64_t seq) {
    std::string us = std::to_string(tape.host_us(seq));
    us.insert(0, us.size() < 7 ? 7 - us.size() : 0, '0');
    return us.insert(us.size() - 6, ".") + "s";
  };
  CHECK(tape.taken({.from = time(7), .to = time(9)}) == Seqs{7, 8, 9});
  CHECK(tape.taken({.from = "0s", .to = time(1)}) == Seqs{1});
  CHECK(tape.taken({.from = "16", .to = "99.5s"}) == Seqs{16, 17});
  CHECK_THAT(tape.error({.from = "99s"}).message,
             StartsWith("the last record is at 0.0") && EndsWith("s, there is none from 99s on"));
  for (const char* wrong : {"1.5", "s", "1.s", ".5s", "1.0000001s", "-1", "1ms", "last", "1.5.5s",
                            "99999999999999999999s"}) {
    INFO(wrong);
    const Error error = tape.error({.to = wrong});
    CHECK(error.code == ErrorCode::kUsage);
    CHECK_THAT(error.message, StartsWith("--to: got '") && EndsWith("a record's number or a time"));
  }
}

TEST_CASE("kinds are named as in JSON, and an unknown one lists them") {
  const TwoFreezes tape;
  CHECK(tape.taken({.kinds = {"stepStarted", "freezeBegan"}}) == Seqs{2, 4, 9, 11});
  CHECK(tape.taken({.kinds = {"console"}}).empty());
  const Error error = tape.error({.kinds = {"stepStarted", "freeze"}});
  CHECK(error.code == ErrorCode::kUsage);
  CHECK(error.message == "there is no kind 'freeze'");
  CHECK_THAT(error.hint, StartsWith("kinds are clocksourceSeen, console, ") &&
                             ContainsSubstring(", freezeBegan, ") && EndsWith(", workerStarted"));
}

TEST_CASE("a step is named or numbered as on the time line") {
  const TwoFreezes tape;
  CHECK(tape.taken({.step = "settle"}) == Seqs{2, 3, 4, 5, 6, 7, 8});
  CHECK(tape.taken({.step = "1"}) == Seqs{9, 10, 11, 12, 13, 14, 15});
  CHECK(tape.error({.step = "2"}).message == "the tape has 2 steps, there is no step 2");
  const Error error = tape.error({.step = "setle"});
  CHECK(error.message == "the tape has 2 steps, there is no step 'setle'");
  CHECK(error.hint == "did you mean 'settle'?");
  CHECK(tape.error({.step = "xxxxxxxx"}).hint == "its steps are 'settle', 'look'");
}

TEST_CASE("a step whose name is a number is found by its name") {
  CHECK(TwoFreezes("0").taken({.step = "0"}) == Seqs{9, 10, 11, 12, 13, 14, 15});
}

TEST_CASE("all parts of a choice apply") {
  const TwoFreezes tape;
  CHECK(tape.taken({.freeze = "2", .kinds = {"frozen", "opReplied"}}) == Seqs{12, 14});
  CHECK(tape.taken({.freeze = "2", .to = "11"}) == Seqs{10, 11});
  CHECK(tape.taken({.freeze = "2", .step = "settle"}).empty());
}

TEST_CASE("a freeze or step without its end goes on to the next, or to the end of the tape") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  const auto began = [&](uint64_t freeze) {
    builder.add(
        [&](schema::Record::Builder record) { record.initFreezeBegan().setFreeze(freeze); });
  };
  builder.step_started(0, "a");
  began(1);
  builder.step_started(1, "b");
  began(2);
  const auto tape = must(TapeReader::open(builder.seal().path));
  const auto count = [&](const RecordChoice& choice) {
    const RecordFilter filter = must(RecordFilter::make(*tape, choice));
    size_t taken = 0;
    must(tape->for_each([&](const RecordView& view) -> Result<void> {
      taken += filter.takes(view);
      return {};
    }));
    return taken;
  };
  CHECK(count({.freeze = "1"}) == 2);
  CHECK(count({.freeze = "2"}) == 3);
  CHECK(count({.step = "a"}) == 2);
  CHECK(count({.step = "b"}) == 4);
}

TEST_CASE("the requests whose replies are taken are known") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  for (int i = 0; i < 2; ++i)
    builder.op({TapeEntry{.tag = "a", .target = symbol_target("jiffies_64")}});
  const auto tape = must(TapeReader::open(builder.seal().path));
  const auto replies = [&](const RecordChoice& choice) {
    return must(must(RecordFilter::make(*tape, choice)).replies(*tape));
  };
  CHECK(replies({.freeze = "2"}) == std::set<uint64_t>{2});
  CHECK(replies({.to = "4"}).empty());
}

}  // namespace ktape::test
