// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "schema/base/child.h"
#include "tests/replay/hostile/hostile_tapes.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

// Every program on every hostile tape. None may crash, take more than a gigabyte or a minute, write
// to the tape, or leave anything beside it or in the temporary folder; and ktape verify gives the
// right verdict for each attack. KTAPE_EVERY: one of how many pairs of attack and another program
// is tried; tools/test --full tries all of them.

namespace ktape::test {

namespace {

namespace fs = std::filesystem;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

constexpr std::chrono::milliseconds kTime = std::chrono::minutes(kSanitized ? 5 : 1);
constexpr size_t kOutputBytes = size_t{1} << 28;

// The content of a folder: names, kinds, and the bytes of files.
std::map<std::string, std::string> snapshot(const std::string& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto status = entry.symlink_status();
    std::string& what = all[entry.path().filename()];
    what = std::to_string(static_cast<int>(status.type()));
    if (!fs::is_regular_file(status)) continue;
    what += " " + std::to_string(entry.file_size()) + " ";
    constexpr size_t kRead = size_t{1} << 24;
    std::ifstream file(entry.path(), std::ios::binary);
    std::string bytes(std::min<size_t>(entry.file_size(), kRead), '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    what += bytes;
  }
  return all;
}

class Fixture {
 public:
  Fixture() {
    make_victim(victim_);
    fs::create_directory(temporary_);
  }

  // Applies each attack to a copy, and runs every program on it.
  void survive(const std::vector<Attack>& attacks) {
    for (const Attack& attack : attacks) {
      fs::remove_all(folder_);
      fs::create_directory(folder_);
      const std::string tape = folder_ + "/run.ktape";
      fs::copy_file(victim_, tape);
      attack.apply(tape);
      const auto before = snapshot(folder_);
      {
        INFO(attack.name);
        check_verdict(attack, run("ktape-verify T"));
      }
      size_t turn = attacked_;
      for (const std::string& program : programs()) {
        if (++turn % KTAPE_EVERY != 0) continue;
        INFO(attack.name << ": " << program);
        (void)run(program);
        CHECK(fs::is_empty(temporary_));
        CHECK(snapshot(folder_) == before);
      }
      ++attacked_;
    }
    std::printf(
        "%zu attacks, %zu programs run, %zu refused, %zu found something, longest %lld ms\n",
        attacked_, ran_, refused_, found_, static_cast<long long>(longest_.count()));
  }

 private:
  // Command lines: T is the tape, V a valid one, O a writable path.
  static std::vector<std::string> programs() {
    return {"ktape-verify T --salvage O",
            "ktape-show T --console",
            "ktape-show T --json",
            "ktape-info T --size",
            "ktape-info T --reproduce",
            "ktape-check T",
            "ktape-read T --at freeze:1 task:sleeper.scx.dsq_vtime",
            "ktape-read T --at freeze:1 dsqs tasks workers runqueues maps cgroups",
            "ktape-replay T",
            "ktape-replay T --state-at 5",
            "ktape-report T",
            "ktape-report T -o O",
            "ktape-export T --perfetto -o O",
            "ktape-export T --jsonl -o O",
            "ktape-export T --csv -o O",
            "ktape-export T --core freeze:1 -o O",
            "ktape-export T --symbols O",
            "ktape-slim T O",
            "ktape-upgrade T O",
            "ktape-diff T V",
            "ktape-diff V T",
            "ktape-assert-freeze-consistent T",
            "ktape-assert-vtime-monotonic T",
            "ktape-assert-worker-progress T --max-gap-ms 10"};
  }

  // The word after the tape's name; for a file that is not a tape it is an error of the program.
  void check_verdict(const Attack& attack, const ChildResult& child) const {
    const std::string begin = folder_ + "/run.ktape: ";
    std::string verdict = "unusable";
    if (child.output.starts_with(begin))
      verdict =
          child.output.substr(begin.size(), child.output.find(':', begin.size()) - begin.size());
    INFO(child.output.substr(0, 2000));
    CHECK(verdict == attack.verdict);
    CHECK(child.exit_status == (verdict == "intact"                               ? 0
                                : verdict == "truncated" || verdict == "unsealed" ? 1
                                                                                  : 3));
    if (verdict == "unusable") CHECK(child.output.starts_with("ktape verify: "));
  }

  ChildResult run(std::string line) {
    const std::string out = dir_.file("out");
    fs::remove_all(out);
    for (const auto& [name, value] :
         {std::pair<std::string, std::string>{" T", folder_ + "/run.ktape"},
          {" V", victim_},
          {" O", out}}) {
      if (const size_t at = line.find(name + " "); at != std::string::npos)
        line.replace(at + 1, 1, value);
      if (line.ends_with(name)) line.replace(line.size() - 1, 1, value);
    }
    const std::string limits = kSanitized ? "" : "ulimit -v 1048576; ulimit -t 60; ";
    const std::string script = "ulimit -c 0; " + limits + "TMPDIR=" + temporary_ + " exec " +
                               KTAPE_BIN "/" + line + " 2>&1";
    ChildOptions options;
    options.output_bytes = kOutputBytes;
    options.time = kTime;
    const auto began = std::chrono::steady_clock::now();
    const ChildResult child = must(run_child("/bin/sh", {"-c", script}, options));
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - began);
    longest_ = std::max(longest_, took);
    ++ran_;
    refused_ += child.exit_status == 3 ? 1 : 0;
    found_ += child.exit_status == 1 ? 1 : 0;
    INFO(line << ": status " << child.exit_status << ", signal " << child.signal << " "
              << child.stopped << "\n"
              << child.output.substr(0, 2000));
    static const std::set<int> kStatuses = {0, 1, 2, 3, 4, 77};
    CHECK(kStatuses.contains(child.exit_status));
    // A program that refuses says why, in words that a terminal can show.
    if (child.exit_status == 3) CHECK_FALSE(child.output.empty());
    CHECK(child.output.find('\x1b') == std::string::npos);
    return child;
  }

  TempDir dir_;
  std::string victim_ = dir_.file("victim.ktape");
  std::string folder_ = dir_.file("folder");
  std::string temporary_ = dir_.file("tmp");
  size_t attacked_ = 0;
  size_t ran_ = 0;
  size_t refused_ = 0;
  size_t found_ = 0;
  std::chrono::milliseconds longest_{0};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "no program crashes or hangs on a file that was tampered with") {
  survive(file_attacks());
}

TEST_CASE_METHOD(Fixture, "no program crashes or hangs on a tape that was changed with SQLite") {
  survive(database_attacks());
}

TEST_CASE_METHOD(Fixture, "no program crashes or hangs on forged records") {
  survive(record_attacks());
}

TEST_CASE_METHOD(Fixture, "no program crashes or hangs on forged blobs") {
  survive(blob_attacks());
}

}  // namespace ktape::test
