// SPDX-License-Identifier: Apache-2.0
#include <kj/debug.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "schema/tape/reading/reader.h"
#include "schema/tape/writing/writer.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape {

using test::must;
using test::TapeBuilder;
using test::TempDir;

namespace {

std::vector<uint16_t> kinds_of(const std::string& path) {
  std::vector<uint16_t> kinds;
  must(must(TapeReader::open(path))->for_each([&](const RecordView& view) -> Result<void> {
    CHECK(view.seq.value == kinds.size() + 1);
    kinds.push_back(view.kind);
    return {};
  }));
  return kinds;
}

void console(TapeBuilder& tape, size_t bytes) {
  tape.add([&](schema::Record::Builder record) {
    auto text = record.initConsole().initText(static_cast<uint>(bytes));
    std::fill(text.begin(), text.end(), 'x');
  });
}

}  // namespace

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

TEST_CASE("a sealed tape is one file") {
  TempDir dir;
  TapeBuilder tape(dir.file("run.ktape"));
  tape.run_started();
  SealedTape sealed = tape.seal();
  CHECK(sealed.records == 3);
  CHECK(sealed.bytes == std::filesystem::file_size(dir.file("run.ktape")));
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path()))
    files.push_back(entry.path().filename());
  CHECK(files == std::vector<std::string>{"run.ktape"});
}

TEST_CASE("a record larger than the builder's first segment is kept as one message") {
  TempDir dir;
  TapeBuilder tape(dir.file("run.ktape"));
  for (size_t bytes : {0, 100, 10'000, 5'000'000}) console(tape, bytes);
  tape.seal();
  CHECK(kinds_of(dir.file("run.ktape")).size() == 6);
}

TEST_CASE("a record over the limit is refused and the writer continues") {
  TempDir dir;
  auto writer = must(TapeWriter::create(dir.file("run.ktape")));
  auto large = writer->append(HostNs(1), GuestNs(0), [](schema::Record::Builder record) {
    record.initConsole().initText(17 << 20);
  });
  REQUIRE_FALSE(large.ok());
  CHECK(large.error().code == ErrorCode::kOutOfRange);
  CHECK(must(writer->append(HostNs(1), GuestNs(0), [](auto record) { record.initConsole(); })) ==
        Seq(1));
}

TEST_CASE("a record whose filling throws leaves no trace") {
  TempDir dir;
  auto writer = must(TapeWriter::create(dir.file("run.ktape")));
  auto thrown = writer->append(HostNs(1), GuestNs(0), [](schema::Record::Builder record) {
    record.initConsole();
    KJ_FAIL_REQUIRE("no");
  });
  REQUIRE_FALSE(thrown.ok());
  CHECK(must(writer->append(HostNs(1), GuestNs(0), [](auto record) { record.initConsole(); })) ==
        Seq(1));
  must(writer->seal(HostNs(2), [](auto) {}));
  CHECK(kinds_of(dir.file("run.ktape")).size() == 2);
}

TEST_CASE("RefusesToOverwrite: a tape of that name") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  TapeBuilder(path).seal();
  auto again = TapeWriter::create(path);
  REQUIRE_FALSE(again.ok());
  CHECK(again.error().code == ErrorCode::kUsage);
  CHECK(again.error().message == "'" + path + "' already exists");
}

TEST_CASE("RefusesToOverwrite: what a dead recorder left") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  must(must(TapeWriter::create(path))->commit());
  auto again = TapeWriter::create(path);
  REQUIRE_FALSE(again.ok());
  CHECK(again.error().code == ErrorCode::kUsage);
  CHECK(again.error().message == "'" + path + ".partial' already exists");
  CHECK(again.error().hint.find("--salvage") != std::string::npos);
}

TEST_CASE("RefusesToOverwrite: a file that took the name while the tape was recorded") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  auto writer = must(TapeWriter::create(path));
  std::ofstream(path) << "mine";
  auto sealed = writer->seal(HostNs(1), [](auto) {});
  REQUIRE_FALSE(sealed.ok());
  CHECK(sealed.error().hint == "the tape is complete as '" + path + ".partial'");
  CHECK(std::filesystem::file_size(path) == 4);
  CHECK(must(TapeReader::open(path + ".partial"))->state() == TapeState::kSealed);
}

TEST_CASE("blobs are stored once per content and read back unchanged") {
  TempDir dir;
  TapeBuilder tape(dir.file("run.ktape"));
  std::string text(100'000, 'a');
  Digest first = must(tape.writer().add_blob("kernel.config", as_bytes(text)));
  Digest again = must(tape.writer().add_blob("other", as_bytes(text)));
  Digest empty = must(tape.writer().add_blob("empty", {}));
  CHECK(first == again);
  CHECK(first == sha256(as_bytes(text)));
  tape.seal();
  auto reader = must(TapeReader::open(dir.file("run.ktape")));
  CHECK(std::ranges::equal(must(reader->blob(first)), as_bytes(text)));
  CHECK(must(reader->blob(empty)).empty());
  auto none = reader->blob(sha256(as_bytes("none")));
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

TEST_CASE("records that are checked against the chain end before the first edited one") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  TapeBuilder tape(path);
  for (size_t bytes : {1, 2, 3}) console(tape, bytes);
  tape.seal();
  auto reader = must(TapeReader::open(path));
  uint64_t seen = 0;
  auto visit = [&](const RecordView& view) -> Result<void> {
    seen = view.seq.value;
    return {};
  };
  must(reader->for_each(visit, ChainCheck::kRecords));
  CHECK(seen == 5);
  test::sql(path,
            "UPDATE event SET record = CAST(replace(record, 'xx', 'xy') AS BLOB) WHERE seq = 2");
  auto walk = must(TapeReader::open(path))->for_each(visit, ChainCheck::kRecords);
  REQUIRE_FALSE(walk.ok());
  CHECK(walk.error().code == ErrorCode::kBadInput);
  CHECK(walk.error().message == "'" + path + "' is altered: record 2 is not as it was recorded");
  CHECK(seen == 1);
}

TEST_CASE(
    "a long tape that is checked against the chain is read to its end, or to the error, wherever "
    "that is") {
  // Of several MiB: a thread hashes it.
  TempDir dir;
  std::string path = dir.file("run.ktape");
  TapeBuilder tape(path);
  constexpr size_t kLong = 120, kRecords = 302;
  for (size_t i = 1; i <= 300; ++i) console(tape, i == kLong ? size_t{2} << 20 : 10'000);
  tape.seal();
  uint64_t seen = 0;
  const auto walk = [&](uint64_t stop_at) {
    seen = 0;
    return must(TapeReader::open(path))
        ->for_each(
            [&](const RecordView& view) -> Result<void> {
              REQUIRE(view.seq.value == seen + 1);
              if (view.seq.value == stop_at) return Error{ErrorCode::kUsage, "enough", ""};
              seen = view.seq.value;
              const bool console = view.seq.value <= 300;
              REQUIRE(view.record.isConsole() == console);
              if (console) {
                CHECK(view.record.getConsole().getText().size() ==
                      (view.seq.value == kLong ? size_t{2} << 20 : 10'000));
              }
              return {};
            },
            ChainCheck::kRecords);
  };
  must(walk(0));
  CHECK(seen == kRecords);
  for (const uint64_t stop_at : {1, 100, 301}) {
    CHECK(walk(stop_at).error().message == "enough");
    CHECK(seen == stop_at - 1);
  }
  test::sql(path, "DELETE FROM event WHERE seq = 299");
  CHECK(walk(0).error().message == "record 300: record 299 is missing before it");
  CHECK(seen == 298);
  for (const uint64_t wrong : {250, 121, 120, 53, 1}) {
    test::sql(path, "UPDATE event SET chain = zeroblob(32) WHERE seq = " + std::to_string(wrong));
    CHECK(walk(0).error().message == "'" + path + "' is altered: record " + std::to_string(wrong) +
                                         " is not as it was recorded");
    CHECK(seen == wrong - 1);
  }
  test::sql(path, "UPDATE event SET chain = x'00' WHERE seq = 1");
  CHECK_FALSE(walk(0).ok());
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
