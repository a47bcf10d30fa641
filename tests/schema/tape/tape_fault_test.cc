// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "schema/base/file.h"
#include "schema/tape/copy/salvage.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"
#include "tests/schema/tape/reference_tape.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"

namespace ktape {

using test::must;
using test::TapeBuilder;
using test::TempDir;

namespace {

// A process that records to `path`, one group per record, and reports each committed record.
class Recorder {
 public:
  explicit Recorder(const std::string& path) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("cannot make a pipe");
    // So that it stays at most one page of reports ahead of their reader.
    ::fcntl(ends[1], F_SETPIPE_SZ, 4096);
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[0]);
      record_forever(path, ends[1]);
    }
    ::close(ends[1]);
    reports_ = UniqueFd(ends[0]);
  }
  ~Recorder() {
    if (child_ > 0) kill();
  }

  // Waits until `count` records are committed.
  void wait_for(size_t count) {
    char byte;
    while (acknowledged_ < count && ::read(reports_.get(), &byte, 1) == 1) ++acknowledged_;
    REQUIRE(acknowledged_ >= count);
  }

  // Kills it with SIGKILL; returns how many records it had reported as committed.
  size_t kill() {
    ::kill(child_, SIGKILL);
    ::waitpid(std::exchange(child_, -1), nullptr, 0);
    char byte;
    while (::read(reports_.get(), &byte, 1) == 1) ++acknowledged_;
    return acknowledged_;
  }

  [[nodiscard]] pid_t pid() const { return child_; }

 private:
  [[noreturn]] static void record_forever(const std::string& path, int reports) {
    auto writer = TapeWriter::create(path);
    for (uint64_t n = 1; writer.ok(); ++n) {
      auto seq = (*writer)->append(HostNs(n), GuestNs(0), [&](schema::Record::Builder record) {
        record.initConsole().initText(static_cast<uint>(n % 3000));
      });
      if (!seq.ok() || !(*writer)->commit().ok() || ::write(reports, "x", 1) != 1) break;
    }
    ::_exit(1);
  }

  pid_t child_ = -1;
  UniqueFd reports_;
  size_t acknowledged_ = 0;
};

void overwrite(const std::string& path, size_t offset, char xor_with) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  char byte = static_cast<char>(file.get() ^ xor_with);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
}

// The whole content of a tape, as SQLite dumps it.
std::vector<std::string> contents(const std::string& path) {
  std::vector<std::string> all;
  for (const std::string& name :
       test::sql_rows(path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")) {
    std::string columns;
    for (const std::string& column :
         test::sql_rows(path, "SELECT name FROM pragma_table_info('" + name + "')")) {
      columns += (columns.empty() ? "" : " || '|' || ") + ("quote(" + column + ")");
    }
    for (const std::string& row : test::sql_rows(path, "SELECT " + columns + " FROM " + name)) {
      all.push_back(name + ": " + row);
    }
  }
  return all;
}

// Exits with 7 when the seal fails, as it should, at folding the log into a file that cannot grow.
[[noreturn]] void record_to_full_disk(const std::string& path) noexcept {
  TapeBuilder tape(path);
  tape.run_started();
  // The file has to grow, and the log to stay smaller than it: a few pages that zstd cannot shrink.
  std::string noise(20'000, '\0');
  std::ranges::generate(
      noise, [random = std::mt19937()]() mutable { return static_cast<char>(random()); });
  (void)must(tape.writer().add_blob("noise", as_bytes(noise)));
  must(tape.writer().commit());
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit limit;
  bool limited = ::getrlimit(RLIMIT_FSIZE, &limit) == 0;
  limit.rlim_cur = std::filesystem::file_size(path + ".partial");
  limited = limited && ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
  auto sealed = tape.writer().seal(HostNs(1), [](schema::Sealed::Builder record) {
    record.setOutcome(schema::Outcome::COMPLETED);
  });
  bool hinted = !sealed.ok() && sealed.error().hint.find("--salvage") != std::string::npos;
  ::_exit(limited && hinted && sealed.error().code == ErrorCode::kHost ? 7 : 1);
}

// Leaves a sealed `path` in two files, like a recorder whose disk is full when it seals.
void make_sealed_in_two_files(const std::string& path) {
  pid_t child = ::fork();
  if (child == 0) record_to_full_disk(path);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 7);
  REQUIRE(std::filesystem::file_size(path + ".partial-wal") > 0);
}

}  // namespace

TEST_CASE("a tape whose disk was full at its sealing is never intact, and salvage completes it") {
  TempDir dir;
  std::string partial = dir.file("run.ktape.partial");
  make_sealed_in_two_files(dir.file("run.ktape"));
  Verification left = must(verify(partial, std::nullopt));
  CHECK(left.integrity == Integrity::kUnsealed);
  CHECK(left.finding == "sealed, but its log was not merged; all of it is valid");
  CHECK(left.hint == "make one file of it with 'ktape verify " + partial + " --salvage OUT'");

  Verification saved = must(salvage(partial, dir.file("saved.ktape")));
  CHECK(saved.integrity == Integrity::kIntact);
  CHECK(saved.head == left.head);
  CHECK(saved.records == left.records);
  CHECK(test::sql_rows(dir.file("saved.ktape"), "SELECT outcome FROM ending") ==
        std::vector<std::string>{"completed"});
}

TEST_CASE("salvage does not keep a seal in two files if the sealed content is damaged") {
  TempDir dir;
  std::string partial = dir.file("run.ktape.partial");
  make_sealed_in_two_files(dir.file("run.ktape"));
  uint64_t records = must(verify(partial, std::nullopt)).records;
  // Merges the log into the file, which stays in WAL mode.
  test::sql(partial, "UPDATE blob SET name = 'other'");
  Verification left = must(verify(partial, std::nullopt));
  CHECK(left.integrity == Integrity::kAltered);
  Verification saved = must(salvage(partial, dir.file("saved.ktape")));
  CHECK(saved.integrity == Integrity::kTruncated);
  CHECK(saved.records == records);
  CHECK(saved.finding == "salvaged up to the first damage: " + left.finding);
}

TEST_CASE("a recorder that died before it created its tables left nothing, not a broken tape") {
  TempDir dir;
  std::string partial = dir.file("run.ktape.partial");
  const bool tables = GENERATE(false, true);
  if (tables) {
    TapeBuilder(dir.file("run.ktape"));
    test::sql(partial, "PRAGMA journal_mode=DELETE");
    std::ofstream(partial + "-journal") << "hot";
  } else {
    std::ofstream{partial};
  }
  auto left = verify(partial, std::nullopt);
  REQUIRE_FALSE(left.ok());
  CHECK(left.error().code == ErrorCode::kBadInput);
  CHECK(left.error().message ==
        "nothing was recorded in '" + partial + "': its recorder died at its start");
  CHECK(left.error().hint == "remove it");
}

TEST_CASE("a recorder killed with SIGKILL loses nothing that it had committed") {
  size_t records = GENERATE(1, 7, 60, 400, 9000);
  TempDir dir;
  std::string path = dir.file("run.ktape");
  Recorder recorder(path);
  recorder.wait_for(records);
  size_t acknowledged = recorder.kill();
  Verification verification = must(verify(path + ".partial", std::nullopt));
  INFO(verification.finding);
  CHECK(verification.integrity == Integrity::kUnsealed);
  // It may have died between a commit and its report.
  CHECK(verification.records >= acknowledged);
  CHECK(verification.records <= acknowledged + 1);
  CHECK(must(salvage(path, dir.file("saved.ktape"))).integrity == Integrity::kTruncated);
}

TEST_CASE("a tape is consistent for readers while it is recorded, and its recorder is named") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  Recorder recorder(path);
  uint64_t seen = 0;
  for (size_t records : {10, 500, 1500, 3000, 9000}) {
    recorder.wait_for(records);
    Verification verification = must(verify(path + ".partial", std::nullopt));
    INFO(verification.finding);
    CHECK(verification.integrity == Integrity::kUnsealed);
    CHECK(verification.finding ==
          "process " + std::to_string(recorder.pid()) + " is still recording it");
    CHECK(verification.records >= std::max<uint64_t>(seen, records));
    seen = verification.records;
  }
  auto second = TapeWriter::create(path);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().hint == "process " + std::to_string(recorder.pid()) + " is recording to it");
  auto early = salvage(path, dir.file("saved.ktape"));
  REQUIRE_FALSE(early.ok());
  CHECK(early.error().code == ErrorCode::kRefused);
}

TEST_CASE("a write-ahead log torn at any point leaves a valid prefix") {
  TempDir dir;
  std::string partial = dir.file("run.ktape.partial");
  Recorder recorder(dir.file("run.ktape"));
  recorder.wait_for(100);
  recorder.kill();
  uint64_t whole = must(verify(partial, std::nullopt)).records;
  auto size = std::filesystem::file_size(partial + "-wal");
  uint64_t shorter = 0;
  for (uintmax_t keep = size; keep > 0; keep -= std::min<uintmax_t>(keep, 13'577)) {
    std::filesystem::resize_file(partial + "-wal", keep);
    Verification verification = must(verify(partial, std::nullopt));
    INFO("log of " << keep << " bytes: " << verification.finding);
    CHECK(verification.integrity == Integrity::kUnsealed);
    CHECK(verification.records <= whole);
    shorter += verification.records < whole ? 1 : 0;
  }
  CHECK(shorter > 0);
}

TEST_CASE("a byte flipped in the write-ahead log ends the prefix, or changes nothing") {
  TempDir dir;
  std::string partial = dir.file("run.ktape.partial");
  Recorder recorder(dir.file("run.ktape"));
  recorder.wait_for(100);
  recorder.kill();
  Verification whole = must(verify(partial, std::nullopt));
  auto size = std::filesystem::file_size(partial + "-wal");
  for (size_t at = 40; at < size; at += 7'919) {
    overwrite(partial + "-wal", at, 0x40);
    Verification verification = must(verify(partial, std::nullopt));
    overwrite(partial + "-wal", at, 0x40);
    INFO("byte " << at << ": " << verification.finding);
    CHECK(verification.integrity == Integrity::kUnsealed);
    CHECK(verification.records <= whole.records);
    if (verification.records == whole.records) CHECK(verification.head == whole.head);
  }
}

// A flipped byte may hit free space, or a field of SQLite that has no meaning here. Wherever it has
// a meaning, verify must find it.
TEST_CASE(
    "a byte flipped anywhere in a sealed tape is found, unless the tape still says the same") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  {
    TapeBuilder tape(path);
    test::record_reference(tape);
    tape.seal();
  }
  const auto before = contents(path);
  std::string copy = dir.file("copy.ktape");
  size_t found = 0;
  for (size_t at = 0; at < std::filesystem::file_size(path); at += at < 100 ? 3 : 509) {
    std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
    overwrite(copy, at, static_cast<char>(1 << (at % 8)));
    auto verification = verify(copy, std::nullopt);
    if (!verification.ok() || verification->integrity == Integrity::kAltered) {
      ++found;
    } else {
      INFO("byte " << at);
      CHECK(verification->integrity == Integrity::kIntact);
      CHECK(contents(copy) == before);
    }
  }
  CHECK(found > 20);  // most of a small tape is the free space of its tables
}

TEST_CASE("a tape cut short never counts as a complete one") {
  TempDir dir;
  std::string path = dir.file("run.ktape");
  {
    TapeBuilder tape(path);
    test::record_reference(tape);
    tape.seal();
  }
  for (auto size = std::filesystem::file_size(path); size > 0;
       size -= std::min<uintmax_t>(size, 3001)) {
    if (size == std::filesystem::file_size(path)) continue;
    std::filesystem::resize_file(path, size);
    auto verification = verify(path, std::nullopt);
    INFO("cut to " << size << " bytes");
    if (verification.ok()) {
      CHECK(verification->integrity == Integrity::kAltered);
    } else {
      CHECK(verification.error().code == ErrorCode::kBadInput);
    }
  }
}

}  // namespace ktape
