// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/reading/reader.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "schema/tape/writing/writer.h"
#include "tests/schema/tape/records_of.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape {

using test::console;
using test::kinds_of;
using test::must;
using test::TapeBuilder;
using test::TempDir;

TEST_CASE("records are read back in order, with their times and contents") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  {
    auto writer = must(TapeWriter::create(path));
    Seq first = must(writer->append(HostNs(11), GuestNs(22), [](schema::Record::Builder record) {
      auto step = record.initStepStarted();
      step.setStep(3);
      step.setName("write");
    }));
    CHECK(first == Seq(1));
    must(
        writer->seal(HostNs(33), [](schema::Sealed::Builder sealed) { sealed.setDetail("fine"); }));
  }
  auto reader = must(TapeReader::open(path));
  CHECK(reader->state() == TapeState::kSealed);
  std::vector<std::string> seen;
  must(reader->for_each([&](const RecordView& view) -> Result<void> {
    CHECK(view.known);
    CHECK(view.record.getSeq() == view.seq.value);
    if (view.kind == schema::Record::STEP_STARTED) {
      CHECK(view.record.getHostNs() == 11);
      CHECK(view.record.getGuestNs() == 22);
      seen.emplace_back(view.record.getStepStarted().getName());
    } else {
      seen.emplace_back(view.record.getSealed().getDetail());
    }
    return {};
  }));
  CHECK(seen == std::vector<std::string>{"write", "fine"});
}

TEST_CASE("a record comes by its number, and one that is not there is not found") {
  TempDir dir;
  TapeBuilder tape(dir.file("run.ktape"));
  tape.run_started();
  console(tape, 3);
  const auto reader = must(TapeReader::open(tape.seal().path));
  must(reader->at(Seq(2), [&](const RecordView& view) -> Result<void> {
    CHECK(view.seq == Seq(2));
    CHECK(view.record.getConsole().getText().size() == 3);
    return {};
  }));
  const auto none = reader->at(Seq(9), [](const RecordView&) -> Result<void> { return {}; });
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().code == ErrorCode::kNotFound);
}

TEST_CASE("a recording is read from a copy, even while it is in progress") {
  TempDir dir;
  TapeBuilder tape(dir.file("run.ktape"));
  tape.run_started();
  must(tape.writer().commit());
  tape.step_started(0, "not committed");
  auto reader = must(TapeReader::open(tape.writer().partial_path()));
  CHECK(reader->state() == TapeState::kUnsealed);
  CHECK(kinds_of(tape.writer().partial_path()) ==
        std::vector<uint16_t>{schema::Record::RUN_STARTED});
}

TEST_CASE("the name of an unsealed tape leads to its .partial") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  must(TapeWriter::create(path));
  auto reader = TapeReader::open(path);
  REQUIRE_FALSE(reader.ok());
  CHECK(reader.error().code == ErrorCode::kNotFound);
  CHECK(reader.error().hint == "it was not sealed: open '" + path + ".partial'");
}

TEST_CASE("a visitor's error ends the walk and is returned") {
  TempDir dir;
  TapeBuilder tape(dir.file("run.ktape"));
  tape.run_started();
  tape.seal();
  int visits = 0;
  auto walk = must(TapeReader::open(dir.file("run.ktape")))
                  ->for_each([&](const RecordView&) -> Result<void> {
                    ++visits;
                    return Error{ErrorCode::kRefused, "enough", ""};
                  });
  REQUIRE_FALSE(walk.ok());
  CHECK(walk.error().message == "enough");
  CHECK(visits == 1);
}

TEST_CASE("a file that is not a tape is reported as that") {
  TempDir dir;
  auto message = [](const std::string& path) {
    auto reader = TapeReader::open(path);
    REQUIRE_FALSE(reader.ok());
    CHECK(reader.error().code == ErrorCode::kBadInput);
    return reader.error().message;
  };
  std::ofstream(dir.file("text")) << std::string(4096, 'x');
  CHECK(message(dir.file("text")).ends_with("is not a tape: not an SQLite database"));
  std::ofstream(dir.file("empty")).flush();
  CHECK(message(dir.file("empty")).ends_with("is not a tape: it is empty"));
  std::ofstream(dir.file("short")) << "SQLite format 3";
  CHECK(message(dir.file("short")).ends_with("is not a tape: it has 15 bytes, which is too short"));
  CHECK(message(dir.path()).ends_with("is not a tape: it is a folder"));
  CHECK(message(dir.file("text") + "/tape").ends_with("/tape': Not a directory"));
}

}  // namespace ktape
