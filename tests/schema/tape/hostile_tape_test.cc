// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "schema/tape/codec.h"
#include "schema/tape/copy/salvage.h"
#include "schema/tape/message.h"
#include "schema/tape/page_list.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/tables.h"
#include "schema/tape/verify/verify.h"
#include "schema/tape/writing/tape_store.h"
#include "schema/wire/data.h"
#include "tests/schema/tape/reference_tape.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/tape/tape_editor.h"
#include "tests/support/temp_dir.h"

namespace ktape {

using Catch::Matchers::ContainsSubstring;
using test::must;
using test::TapeBuilder;
using test::TempDir;

namespace {

// Offsets in a record's message: framing, root pointer, then data of Record (seq, times, tag) and
// its pointer.
constexpr size_t kTagAt = 8 + 8 + 24;
constexpr size_t kPointerAt = 8 + 8 + 32;

std::vector<std::byte> console_message(uint64_t seq) {
  auto message = must(RecordMessage::build(
      Seq(seq), HostNs(5), GuestNs(0),
      [](schema::Record::Builder record) { record.initConsole().initText(64); }));
  return {message.bytes().begin(), message.bytes().end()};
}

// A sealed tape of one record.
void make_tape(const std::string& path, std::span<const std::byte> message) {
  auto store = must(TapeStore::create(path));
  must(store->add_record(message));
  must(store->seal(HostNs(9), [](auto) {}));
}

Error error_of_reading(const std::string& path) {
  auto reader = TapeReader::open(path);
  if (!reader.ok()) return reader.error();
  auto walk = (*reader)->for_each([](const RecordView& view) -> Result<void> {
    if (view.record.isConsole()) (void)view.record.getConsole().getText().size();
    return {};
  });
  REQUIRE_FALSE(walk.ok());
  return walk.error();
}

}  // namespace

TEST_CASE("a record of an unknown kind is kept and reported") {
  TempDir dir;
  auto message = console_message(1);
  message[kTagAt] = std::byte{0xe7};
  message[kTagAt + 1] = std::byte{0x03};
  make_tape(dir.file("run.ktape"), message);
  int unknown = 0;
  must(must(TapeReader::open(dir.file("run.ktape")))
           ->for_each([&](const RecordView& view) -> Result<void> {
             if (view.seq == Seq(1)) {
               ++unknown;
               CHECK_FALSE(view.known);
               CHECK(view.kind == 999);
               CHECK(view.record.getHostNs() == 5);
             } else {
               CHECK(view.known);
             }
             return {};
           }));
  CHECK(unknown == 1);
  CHECK(must(verify(dir.file("run.ktape"), std::nullopt)).integrity == Integrity::kIntact);
}

TEST_CASE("a record with a bad pointer is an error that names it, once the pointer is followed") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  make_tape(path, console_message(1));
  // Far out of the message; a list where a struct is expected; a pointer of another kind.
  std::string pointer = GENERATE("fcffff7f00000100", "0100000007000000", "0300000000000000");
  test::sql(path, "UPDATE event SET record = CAST(substr(record, 1, " + std::to_string(kPointerAt) +
                      ") || x'" + pointer + "' || substr(record, " +
                      std::to_string(kPointerAt + 9) + ") AS BLOB) WHERE seq = 1");
  Error error = error_of_reading(path);
  CHECK(error.code == ErrorCode::kBadInput);
  CHECK_THAT(error.message, ContainsSubstring("record 1: "));
  CHECK(must(verify(path, std::nullopt)).integrity == Integrity::kAltered);
}

TEST_CASE("a record that is not a message of one segment is refused") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  make_tape(path, console_message(1));
  std::string record = GENERATE("x''", "x'00'", "zeroblob(8)", "x'0000000002000000' || zeroblob(8)",
                                "x'01000000010000000100000000000000' || zeroblob(16)",
                                "x'ffffffffffffffff' || zeroblob(8)", "zeroblob(20000000)");
  test::sql(path, "UPDATE event SET record = CAST(" + record + " AS BLOB) WHERE seq = 1");
  CHECK_THAT(error_of_reading(path).message, ContainsSubstring("record 1: "));
}

TEST_CASE("a reader does not step over a gap") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  {
    TapeBuilder tape(path);
    test::record_reference(tape);
    tape.seal();
  }
  test::sql(path, "DELETE FROM event WHERE seq = 3");
  CHECK_THAT(error_of_reading(path).message, ContainsSubstring("record 3 is missing before it"));
}

TEST_CASE("a blob that claims to be huge is not decompressed") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  Digest hash;
  {
    TapeBuilder tape(path);
    hash = must(tape.writer().add_blob("zeros", std::vector<std::byte>(1 << 20)));
    tape.seal();
  }
  // A frame header that announces 2^60 bytes of content, and no content.
  test::sql(path, "UPDATE blob SET data = x'28b52ffde00000000000000010' || zeroblob(32)");
  test::sql(path, "UPDATE blob SET data = CAST(data AS BLOB)");
  auto blob = must(TapeReader::open(path))->blob(hash);
  REQUIRE_FALSE(blob.ok());
  CHECK(blob.error().code == ErrorCode::kBadInput);
  CHECK_THAT(blob.error().message, ContainsSubstring("over the limit"));
}

TEST_CASE("blobs that take long to unpack in total are neither written nor unpacked") {
  TempDir dir;
  const std::string path = dir.file("run.ktape");
  std::vector<std::byte> zeroes(kMaxBlobBytes);
  TapeBuilder tape(path);
  for (size_t i = 0; i < kMaxBlobsBytes / kMaxBlobBytes; ++i) {
    zeroes[0] = std::byte(i);
    must(tape.writer().add_blob("zeroes", zeroes));
  }
  zeroes[0] = std::byte{0xff};
  const auto over = tape.writer().add_blob("one more", zeroes);
  REQUIRE_FALSE(over.ok());
  CHECK(over.error().code == ErrorCode::kOutOfRange);
  tape.seal();
  CHECK(must(verify(path, std::nullopt)).integrity == Integrity::kIntact);

  (void)test::put_blob(path, "one more", zeroes);
  CHECK_THAT(must(verify(path, std::nullopt)).finding,
             ContainsSubstring("its blobs are over the limit of 268435456 bytes in total"));
}

TEST_CASE("content over the limit is never unpacked, whatever its codec") {
  std::vector<std::byte> content(5000);
  Packed packed = must(pack(content));
  CHECK(packed.codec == Codec::kZstd);
  CHECK(unpack(static_cast<int64_t>(packed.codec), packed.data, 5000).ok());
  CHECK_FALSE(unpack(static_cast<int64_t>(packed.codec), packed.data, 4999).ok());
  CHECK_FALSE(unpack(static_cast<int64_t>(Codec::kPlain), content, 4999).ok());
  CHECK_FALSE(unpack(-1, content, 5000).ok());
}

TEST_CASE("a FIFO and a name with odd characters are handled") {
  TempDir dir;
  REQUIRE(::mkfifo(dir.file("fifo").c_str(), 0600) == 0);
  CHECK_THAT(error_of_reading(dir.file("fifo")).message, ContainsSubstring("not a regular file"));
  std::string odd = dir.file("a run?mode=rw#1 100%.ktape");
  make_tape(odd, console_message(1));
  CHECK(must(verify(odd, std::nullopt)).integrity == Integrity::kIntact);
}

TEST_CASE("a read-only tape in a read-only folder is read") {
  TempDir dir;
  std::filesystem::create_directory(dir.file("folder"));
  std::string path = dir.file("folder") + "/run.ktape";
  make_tape(path, console_message(1));
  ::chmod(path.c_str(), 0400);
  ::chmod(dir.file("folder").c_str(), 0500);
  CHECK(must(verify(path, std::nullopt)).integrity == Integrity::kIntact);
  CHECK(std::distance(std::filesystem::directory_iterator(dir.file("folder")), {}) == 1);
  ::chmod(dir.file("folder").c_str(), 0700);
}

TEST_CASE("a freeze's pages are checked against its Thawed record") {
  TempDir dir;
  std::vector<std::byte> page(4096, std::byte{7});
  FreezePage kept{1, 100, 1, sha256(page)};
  FreezePage zeros{1, 101, 20, std::nullopt};
  PageListDigest list;
  list.add(kept);
  list.add(zeros);
  Digest digest = list.finish();
  auto store = must(TapeStore::create(dir.file("run.ktape")));
  auto thawed =
      must(RecordMessage::build(Seq(1), HostNs(1), GuestNs(0), [&](schema::Record::Builder record) {
        auto builder = record.initThawed();
        builder.setFreeze(1);
        builder.setPages(1);
        builder.setPagesDigest(as_data(digest));
      }));
  Packed packed = must(pack(page));
  must(store->add_page(sha256(page), static_cast<int64_t>(packed.codec), packed.data));
  must(store->add_freeze_page(kept));
  must(store->add_freeze_page(zeros));
  must(store->add_record(thawed.bytes()));
  must(store->commit());

  CHECK(must(verify(store->partial_path(), std::nullopt)).integrity == Integrity::kUnsealed);
  must(store->seal(HostNs(2), [](auto) {}));
  store.reset();
  std::string path = dir.file("run.ktape");
  CHECK(must(verify(path, std::nullopt)).integrity == Integrity::kIntact);

  std::string edit =
      GENERATE("UPDATE freeze_page SET frame = 102 WHERE frame = 101", "DELETE FROM freeze_page",
               "UPDATE freeze_page SET frames = 21 WHERE frame = 101", "DELETE FROM page",
               "UPDATE freeze_page SET frame = 90 WHERE frame = 101",
               "UPDATE page SET data = zeroblob(4096), codec = 0");
  test::sql(path, edit);
  CHECK(must(verify(path, std::nullopt)).integrity == Integrity::kAltered);
}

TEST_CASE("salvage keeps the pages of the freezes that ended, and only those") {
  TempDir dir;
  std::vector<std::byte> page(4096, std::byte{7});
  std::vector<std::byte> other(4096, std::byte{8});
  {
    auto store = must(TapeStore::create(dir.file("run.ktape")));
    PageListDigest list;
    list.add({1, 100, 1, sha256(page)});
    Digest digest = list.finish();
    auto thawed = must(
        RecordMessage::build(Seq(1), HostNs(1), GuestNs(0), [&](schema::Record::Builder record) {
          auto builder = record.initThawed();
          builder.setFreeze(1);
          builder.setPages(1);
          builder.setPagesDigest(as_data(digest));
        }));
    must(store->add_page(sha256(page), 0, page));
    must(store->add_page(sha256(other), 0, other));
    must(store->add_freeze_page({1, 100, 1, sha256(page)}));
    must(store->add_freeze_page({2, 100, 1, sha256(other)}));
    must(store->add_record(thawed.bytes()));
    must(store->commit());
  }
  Verification salvaged = must(salvage(dir.file("run.ktape"), dir.file("saved.ktape")));
  CHECK(salvaged.integrity == Integrity::kTruncated);
  CHECK(test::sql_rows(dir.file("saved.ktape"), "SELECT count(*) FROM page") ==
        std::vector<std::string>{"1"});
}

TEST_CASE("an abandoned writer leaves nothing and accepts nothing more") {
  TempDir dir;
  auto writer = must(TapeWriter::create(dir.file("run.ktape")));
  must(writer->append(HostNs(1), GuestNs(0), [](auto record) { record.initConsole(); }));
  writer->discard();
  CHECK(std::filesystem::is_empty(dir.path()));
  CHECK_FALSE(
      writer->append(HostNs(1), GuestNs(0), [](auto record) { record.initConsole(); }).ok());
  CHECK_FALSE(writer->commit().ok());
}

TEST_CASE("an error of the disk is sticky, and what was committed before it stays") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  TapeBuilder tape(path);
  tape.run_started();
  must(tape.writer().commit());

  // From here on no file can grow beyond 1 MiB.
  auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit full{1 << 20, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
  auto console = [](schema::Record::Builder record) { record.initConsole().initText(100'000); };
  Result<void> failed;
  for (int i = 0; i < 40 && failed.ok(); ++i) {
    auto seq = tape.writer().append(HostNs(1), GuestNs(0), console);
    failed = seq.ok() ? tape.writer().commit() : seq.error();
  }
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, ignored);

  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().code == ErrorCode::kHost);
  auto later = tape.writer().append(HostNs(1), GuestNs(0), console);
  REQUIRE_FALSE(later.ok());
  CHECK(later.error().message == failed.error().message);
  CHECK_FALSE(tape.writer().seal(HostNs(2), [](auto) {}).ok());
  Verification verification = must(verify(path + ".partial", std::nullopt));
  CHECK(verification.integrity == Integrity::kUnsealed);
  CHECK(verification.records >= 1);
}

}  // namespace ktape
