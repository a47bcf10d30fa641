// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "schema/base/child.h"
#include "schema/tape/copy/salvage.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"
#include "tests/faults/live_capture.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"

// Hosts that misbehave while a real guest runs.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

void check_interrupted(LiveCapture& capture) {
  CHECK(capture.wait() == 1);
  INFO(capture.printed());
  CHECK(must(verify(capture.tape(), std::nullopt)).integrity == Integrity::kIntact);
  CHECK(sql_rows(capture.tape(), "SELECT outcome FROM ending") ==
        std::vector<std::string>{"interrupted"});
  CHECK_THAT(capture.printed(),
             ContainsSubstring("outcome  interrupted: ended by a signal while "));
  CHECK_FALSE(std::filesystem::exists(capture.partial()));
  CHECK(capture.nothing_is_left());
}

}  // namespace

TEST_CASE("SIGINT during boot seals the tape as interrupted, and ends the guest") {
  LiveCapture capture(kLasting);
  capture.wait_for_guest();
  capture.signal(SIGINT);
  check_interrupted(capture);
}

TEST_CASE("SIGTERM in a step seals the tape as interrupted, and ends the guest") {
  LiveCapture capture(kLasting);
  capture.wait_for("step 1 of 1: wait");
  capture.signal(SIGTERM);
  check_interrupted(capture);
}

TEST_CASE("an output file that is removed during the capture is recreated, with a message") {
  LiveCapture capture(kBrief);
  capture.wait_for("step 1 of 1: only");
  CHECK(std::filesystem::remove(capture.partial()));
  CHECK(std::filesystem::remove(capture.partial() + "-wal"));
  CHECK(capture.wait() == 0);
  INFO(capture.printed());
  const Verification found = must(verify(capture.tape(), std::nullopt));
  CHECK(found.integrity == Integrity::kIntact);
  CHECK_THAT(capture.printed(), ContainsSubstring(to_hex(found.head)));
  CHECK_THAT(capture.printed(), ContainsSubstring("run.ktape.partial' was removed during the run"));
  CHECK(capture.nothing_is_left());
}

TEST_CASE("a folder that is removed with the tape in it is recreated, and so is the tape") {
  LiveCapture capture(kBrief);
  capture.wait_for("step 1 of 1: only");
  std::filesystem::remove_all(std::filesystem::path(capture.partial()).parent_path());
  CHECK(capture.wait() == 0);
  INFO(capture.printed());
  CHECK(must(verify(capture.tape(), std::nullopt)).integrity == Integrity::kIntact);
  CHECK_THAT(capture.printed(), ContainsSubstring("run.ktape.partial' was removed during the run"));
  CHECK(capture.nothing_is_left());
}

TEST_CASE("a wall clock that jumps by years changes nothing, and no time on the tape") {
  const auto began = std::chrono::steady_clock::now();
  LiveCapture capture(kBrief, {"LD_PRELOAD=" KTAPE_JUMPING_CLOCK});
  CHECK(capture.wait() == 0);
  INFO(capture.printed());
  const auto took = std::chrono::steady_clock::now() - began;
  uint64_t last = 0;
  must(
      must(TapeReader::open(capture.tape()))->for_each([&](const RecordView& view) -> Result<void> {
        CHECK(view.record.getHostNs() >= last);
        last = view.record.getHostNs();
        return {};
      }));
  // No record is later than the whole capture took.
  CHECK(last > 0);
  CHECK(last <= static_cast<uint64_t>(std::chrono::nanoseconds(took).count()));
  CHECK(capture.nothing_is_left());
}

TEST_CASE("a tape that cannot grow any more keeps what was committed, with a message") {
  LiveCapture capture(writing_scenario());
  capture.wait_for("step 2 of 2: writes");
  rlimit limit{};
  REQUIRE(::prlimit(capture.pid(), RLIMIT_FSIZE, nullptr, &limit) == 0);
  limit.rlim_cur = std::filesystem::file_size(capture.partial() + "-wal");
  REQUIRE(::prlimit(capture.pid(), RLIMIT_FSIZE, &limit, nullptr) == 0);
  CHECK(capture.wait() == 4);
  INFO(capture.printed());
  CHECK_THAT(capture.printed(), ContainsSubstring("ktape capture: cannot write '"));
  CHECK_THAT(capture.printed(),
             ContainsSubstring("disk I/O error (File too large); the unsealed tape is '"));
  CHECK_THAT(capture.printed(), ContainsSubstring("\nhint: run 'ktape verify "));
  CHECK(must(verify(capture.partial(), std::nullopt)).integrity == Integrity::kUnsealed);
  must(salvage(capture.partial(), capture.file("saved.ktape")));
  CHECK(sql_rows(capture.file("saved.ktape"), "SELECT status FROM kernel_op LIMIT 1") ==
        std::vector<std::string>{"done"});
  CHECK(capture.nothing_is_left());
}

TEST_CASE(
    "a disk that fills up during a capture costs nothing that was committed, with a message") {
  if (!is_cached("6.16")) SKIP(not_cached("6.16"));
  const TempDir folder;
  const LeftProcesses mark;
  std::ofstream(folder.file("live.scenario")) << writing_scenario();
  std::filesystem::create_directory(folder.file("disk"));
  // A private disk that vanishes with the shell.
  std::ofstream(folder.file("script"))
      << fmt::format(R"(
mount -t tmpfs -o size=9m none {0}/disk || exit 99
{1} {2}/ktape-capture {0}/live.scenario -o {0}/disk/run.ktape --kernel {3} --accel tcg --fast-boot --no-kaslr \
  --memory full >{0}/printed 2>&1
echo "status $?"
{2}/ktape-verify {0}/disk/run.ktape.partial --salvage {0}/saved.ktape
exit 0
)",
                     folder.path(), mark.assignment(), KTAPE_BIN, cached_kernel("6.16"));
  const std::string unshare = ::geteuid() == 0 ? "unshare -m" : "unshare -r -m";
  const ChildResult result =
      must(run_child("/bin/sh", {"-c", unshare + " sh " + folder.file("script")}, 1 << 20));
  if (result.exit_status != 0) SKIP("no disk of its own can be mounted here: run as root");
  const std::string printed = must(read_text_file(folder.file("printed"), 1 << 20));
  INFO(result.output << printed);
  CHECK_THAT(result.output, ContainsSubstring("status 4\n"));
  CHECK_THAT(printed, ContainsSubstring("ktape capture: cannot write '"));
  CHECK_THAT(printed, ContainsSubstring("database or disk is full; the unsealed tape is '"));
  CHECK_THAT(printed, ContainsSubstring("\nhint: run 'ktape verify "));
  CHECK_THAT(result.output, ContainsSubstring("unsealed"));
  const Verification saved = must(verify(folder.file("saved.ktape"), std::nullopt));
  CHECK(saved.integrity == Integrity::kTruncated);
  // It reached the guest's first request.
  CHECK(sql_rows(folder.file("saved.ktape"), "SELECT count(*) FROM request") !=
        std::vector<std::string>{"0"});
  CHECK(mark.all_gone());
}

}  // namespace ktape::test
