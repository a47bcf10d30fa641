// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/writing/writer.h"

#include <kj/debug.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "schema/tape/reading/reader.h"
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

}  // namespace ktape
