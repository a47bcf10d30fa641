// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <filesystem>
#include <random>
#include <set>

#include "schema/tape/verify/verify.h"
#include "tests/faults/real_mix.h"
#include "tests/faults/watched_disk.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"

// KTAPE_CUTS: how many disks fail in each way.
namespace ktape::test {

namespace {

constexpr int kRounds = 1;

struct Fault {
  size_t operation = 0;  // the first that fails
  int errnum = 0;
  bool lasts = false;  // so do all after it
};

// The result of a recorder on a disk with a fault.
struct Outcome {
  Result<SealedTape> result = Error{};
  bool created = false;
  uint64_t committed = 0;  // records
  size_t operations = 0;
};

class FailingDisks {
 public:
  FailingDisks()
      : healthy_(record(folder_.file("whole.ktape"), folder_, {.operation = ~size_t{0}})) {
    must(healthy_.result);
    heads_ =
        sql_rows(folder_.file("whole.ktape"), "SELECT lower(hex(chain)) FROM event ORDER BY seq");
  }

  // A disk on which a random operation fails.
  void fail_one(int errnum, bool lasts) { fail({random_() % healthy_.operations, errnum, lasts}); }

  // Fails each of the last operations, with which a recording becomes a sealed tape, one at a time.
  void fail_each_of_last(size_t count, int errnum) {
    for (size_t i = 1; i <= count; ++i) fail({healthy_.operations - i, errnum, false});
  }

  void fail(const Fault& fault) {
    const TempDir folder;
    const Outcome outcome = record(folder.file("run.ktape"), folder, fault);
    INFO("operation " << fault.operation << " of " << healthy_.operations
                      << " fails: " << strerrorname_np(fault.errnum)
                      << (fault.lasts ? ", and all after it" : ""));
    check(folder, outcome);
  }

  std::set<std::string> messages;  // all that a user would have seen, without the name of the file

 private:
  Outcome record(const std::string& path, const TempDir& folder, const Fault& fault) {
    Outcome outcome;
    const WatchedDisk disk(folder.path(), [&](const DiskOp&) {
      const size_t now = outcome.operations++;
      return now == fault.operation || (now > fault.operation && fault.lasts) ? fault.errnum : 0;
    });
    outcome.result = mix_.record(path, kRounds, [&](uint64_t records) {
      outcome.created = true;
      outcome.committed = records;
    });
    return outcome;
  }

  void check_message(const Error& error, const TempDir& folder) {
    const std::string path = folder.file("run.ktape");
    INFO(error.message);
    CHECK(error.code == ErrorCode::kHost);
    CHECK(error.message.find("'" + folder.path()) !=
          std::string::npos);  // the file, or the folder itself
    CHECK(error.message.find('\n') == std::string::npos);
    std::string text = error.message + (error.hint.empty() ? "" : " | hint: " + error.hint);
    for (size_t at = text.find(path); at != std::string::npos; at = text.find(path))
      text.replace(at, path.size(), "run.ktape");
    messages.insert(text);
  }

  void check(const TempDir& folder, const Outcome& outcome) {
    const std::string path = folder.file("run.ktape");
    if (outcome.result.ok()) {
      // SQLite can do without some operations: a file to be deleted may stay.
      const Verification found = must(verify(path, std::nullopt));
      INFO(found.finding);
      CHECK(found.integrity == Integrity::kIntact);
      CHECK(to_hex(outcome.result->head) == heads_.back());
      return;
    }
    check_message(outcome.result.error(), folder);
    if (!outcome.created) {
      CHECK_FALSE(std::filesystem::exists(path));
      CHECK_FALSE(std::filesystem::exists(path + ".partial"));
      return;
    }
    const bool renamed = std::filesystem::exists(path);
    const Verification found = must(verify(renamed ? path : path + ".partial", std::nullopt));
    INFO(found.finding);
    CHECK((found.integrity == Integrity::kUnsealed || found.integrity == Integrity::kIntact));
    CHECK(found.records >= outcome.committed);
    REQUIRE(found.records <= heads_.size());
    if (found.records > 0) CHECK(to_hex(found.head) == heads_[found.records - 1]);
  }

  TempDir folder_;
  const RealMix mix_{"cold_path_roundtrip-7.3.4.ktape"};
  std::mt19937_64 random_{std::random_device()()};
  const Outcome healthy_;
  std::vector<std::string> heads_;
};

void fail_many(int errnum, bool lasts) {
  FailingDisks disks;
  for (int i = 0; i < KTAPE_CUTS; ++i) disks.fail_one(errnum, lasts);
  CHECK_FALSE(disks.messages.empty());
  for (const std::string& message : disks.messages) fmt::print(stderr, "  {}\n", message);
}

}  // namespace

TEST_CASE("a disk that is full from any moment on costs nothing that was committed") {
  fail_many(ENOSPC, true);
}

TEST_CASE("a disk that fails for good at any moment costs nothing that was committed") {
  fail_many(EIO, true);
}

TEST_CASE("a single operation that fails at any moment costs nothing that was committed") {
  fail_many(EIO, false);
}

TEST_CASE("no failed operation during sealing leaves an altered tape") {
  FailingDisks().fail_each_of_last(48, EIO);
}

namespace {

ssize_t half_write(int fd, const void* data, size_t bytes, off64_t offset) {
  return ::pwrite64(fd, data, bytes > 1 ? bytes / 2 : bytes, offset);
}

// While it exists, the system accepts half of every write of SQLite.
class ShortWrites {
 public:
  ShortWrites() { put(reinterpret_cast<sqlite3_syscall_ptr>(half_write)); }
  ~ShortWrites() { put(nullptr); }
  ShortWrites(const ShortWrites&) = delete;
  ShortWrites& operator=(const ShortWrites&) = delete;

 private:
  // Null: the real one.
  static void put(sqlite3_syscall_ptr call) {
    sqlite3_vfs* unix = sqlite3_vfs_find("unix");
    if (unix->xSetSystemCall(unix, "pwrite64", call) != SQLITE_OK)
      throw std::runtime_error("no pwrite64");
  }
};

}  // namespace

TEST_CASE("a system that accepts half of every write makes the same tape") {
  const TempDir folder;
  const RealMix mix("cold_path_roundtrip-7.3.4.ktape");
  const SealedTape whole = must(mix.record(folder.file("whole.ktape"), kRounds, [](uint64_t) {}));
  const ShortWrites disk;
  const SealedTape made = must(mix.record(folder.file("run.ktape"), kRounds, [](uint64_t) {}));
  CHECK(made.head == whole.head);
  CHECK(must(verify(made.path, made.head)).integrity == Integrity::kIntact);
}

}  // namespace ktape::test
