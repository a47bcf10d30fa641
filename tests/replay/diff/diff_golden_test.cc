// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <regex>

#include "schema/base/child.h"
#include "schema/base/file.h"
#include "tests/replay/two_runs.h"
#include "tests/support/agreed_text.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"

// ktape-diff as users and programs see it.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

// A run on a newer kernel, with many differences.
RunSpec newer() {
  return {.kernel = "7.3.4",
          .slide = 0x1000000,
          .pid = 146,
          .start_boottime_ns = 1'970'000'000,
          .vtime_offset = 992,
          .nr_running = 2,
          .jiffies = 0,
          .vtime_after_write = 0,
          .with_last_entry = true,
          .exit_kind = 1026,
          .exit_message = "sleeper[146] failed to run for 30.012s",
          .lost_bytes = 17};
}

ChildResult diff(const std::vector<std::string>& arguments) {
  return must(run_child(KTAPE_BIN "/ktape-diff", arguments, 1 << 24));
}

// The output without what differs in every test run: the folder and the head digests.
std::string stable(std::string text, const TempDir& folder) {
  for (size_t at = text.find(folder.path() + "/"); at != std::string::npos;
       at = text.find(folder.path() + "/")) {
    text.erase(at, folder.path().size() + 1);
  }
  return std::regex_replace(text, std::regex("[0-9a-f]{64}"), "DIGEST");
}

void check_golden(const std::vector<std::string>& options, const std::string& name) {
  TempDir folder;
  std::vector<std::string> arguments = {record_run(folder.file("a.ktape"), {}).path,
                                        record_run(folder.file("b.ktape"), newer()).path, "--only",
                                        "jiffies-nonzero"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  ChildResult child = diff(arguments);
  CHECK(child.exit_status == 1);
  std::string text = stable(child.output, folder);
  CHECK(text == agreed_text(KTAPE_GOLDEN "/" + name, text));
}

}  // namespace

TEST_CASE("two runs are compared for people as in the golden file") {
  check_golden({}, "diff.txt");
}

TEST_CASE("with --all differences that do not matter are shown as in the golden file") {
  check_golden({"--all"}, "diff_all.txt");
}

TEST_CASE("two runs are compared in Markdown as in the golden file") {
  check_golden({"--markdown"}, "diff.md");
}

TEST_CASE("two runs are compared in JSON as in the golden file") {
  check_golden({"--json"}, "diff.json");
}

namespace {

// Three repeats on one kernel in olds/, two on another one in news/.
std::pair<std::string, std::string> repeats(const TempDir& folder) {
  const std::string olds = folder.file("olds");
  const std::string news = folder.file("news");
  std::filesystem::create_directory(olds);
  std::filesystem::create_directory(news);
  const auto olds_spec = [](uint64_t vtime, uint64_t jiffies) {
    return RunSpec{.jiffies = jiffies, .vtime_read = vtime};
  };
  record_run(olds + "/1.ktape", olds_spec(655'462, 4'294'892'877));
  record_run(olds + "/2.ktape", olds_spec(655'470, 4'294'892'890));
  record_run(olds + "/3.ktape", olds_spec(655'000, 4'294'892'840));
  RunSpec spec = newer();
  spec.jiffies = 4'294'892'880;
  spec.vtime_read = 357'218'481;
  record_run(news + "/1.ktape", spec);
  spec.vtime_read = 357'000'000;
  spec.jiffies = 4'294'892'870;
  spec.exit_kind = 64;
  record_run(news + "/2.ktape", spec);
  return {olds, news};
}

void check_repeats(const std::vector<std::string>& options, const std::string& name) {
  TempDir folder;
  const auto [olds, news] = repeats(folder);
  std::vector<std::string> arguments = {olds, news, "--only", "jiffies-nonzero"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const ChildResult child = diff(arguments);
  CHECK(child.exit_status == 1);
  const std::string text = stable(child.output, folder);
  CHECK(text == agreed_text(KTAPE_GOLDEN "/" + name, text));
}

}  // namespace

TEST_CASE("folders of repeats are compared as in the golden files") {
  check_repeats({}, "diff_repeats.txt");
  check_repeats({"--markdown"}, "diff_repeats.md");
  check_repeats({"--json"}, "diff_repeats.json");
}

TEST_CASE("a folder without tapes, or with tapes that are not repeats, is exit status 3") {
  TempDir folder;
  const auto [olds, news] = repeats(folder);
  std::filesystem::create_directory(folder.file("empty"));
  CHECK(diff({olds, folder.file("empty")}).exit_status == 3);
  std::filesystem::copy(news + "/1.ktape", olds + "/4.ktape");
  CHECK(diff({olds, news}).exit_status == 3);
  CHECK(diff({news, news}).exit_status == 0);
}

TEST_CASE("a tape compared with itself has no difference and exit status 0") {
  TempDir folder;
  std::string tape = record_run(folder.file("a.ktape"), {}).path;
  ChildResult child = diff({tape, tape});
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, ContainsSubstring("\nno differences that matter\n"));
}

TEST_CASE("an altered tape is not compared, and is exit status 3") {
  TempDir folder;
  std::string a = record_run(folder.file("a.ktape"), {}).path;
  std::string b = record_run(folder.file("b.ktape"), {}).path;
  sql(b, "UPDATE event SET record = CAST(replace(record, 'set_vtime', 'set_other') AS BLOB)");
  ChildResult child = diff({a, b});
  CHECK(child.exit_status == 3);
  CHECK(child.output.empty());
  CHECK(diff({b, a}).exit_status == 3);
}

TEST_CASE("an unsealed tape is compared as far as it goes, and being unsealed is a difference") {
  TempDir folder;
  std::string a = record_run(folder.file("a.ktape"), {}).path;
  TapeBuilder builder(folder.file("b.ktape"));
  builder.run_started();
  must(builder.writer().commit());
  ChildResult child = diff({a, builder.writer().partial_path()});
  CHECK(child.exit_status == 1);
  CHECK_THAT(child.output, ContainsSubstring("ktape.partial: unsealed"));
  CHECK_THAT(child.output, ContainsSubstring("B  the tape was never sealed\n"));
}

TEST_CASE(
    "a verdict that one kernel changes is reported; an assertion that crashes is exit status 4") {
  TempDir folder;
  std::string a = record_run(folder.file("a.ktape"), {}).path;
  std::string b = record_run(folder.file("b.ktape"), {.jiffies = 0}).path;
  ChildResult child = diff({a, b});
  CHECK(child.exit_status == 1);
  CHECK_THAT(
      child.output,
      ContainsSubstring("VERDICT CHANGED\n  jiffies-nonzero\n    A  passes\n    B  is violated: "));
  std::string broken = folder.file("ktape-assert-broken");
  std::ofstream(broken) << "#!/bin/sh\nkill -SEGV $$\n";
  std::filesystem::permissions(broken, std::filesystem::perms::owner_all);
  CHECK(diff({a, a, "--analyzers", folder.path()}).exit_status == 4);
}

TEST_CASE("diff also runs assertions from --analyzers and from PATH, as check does") {
  TempDir folder;
  TempDir programs;
  std::string a = record_run(folder.file("a.ktape"), {}).path;
  std::string b = record_run(folder.file("b.ktape"), {}).path;
  std::string mine = programs.file("ktape-assert-mine");
  std::ofstream(mine) << "#!/bin/sh\necho KTAP version 1; echo 1..1\n"
                         "case $1 in *a.ktape) echo ok 1 ;; *) echo not ok 1; exit 1 ;; esac\n";
  std::filesystem::permissions(mine, std::filesystem::perms::owner_all);
  const std::string changed = "VERDICT CHANGED\n  mine\n    A  passes\n    B  is violated\n";
  CHECK(diff({a, b}).exit_status == 0);
  CHECK_THAT(diff({a, b, "--analyzers", programs.path()}).output, ContainsSubstring(changed));
  std::string line = "PATH=" + programs.path() + ":$PATH " KTAPE_BIN "/ktape-diff " + a + " " + b;
  CHECK_THAT(must(run_child("/bin/sh", {"-c", line}, 1 << 24)).output, ContainsSubstring(changed));
}

TEST_CASE("diff reports mistakes on its command line, and files that are not tapes") {
  TempDir folder;
  std::string a = record_run(folder.file("a.ktape"), {}).path;
  CHECK(diff({a}).exit_status == 2);
  CHECK(diff({a, a, "--json", "--markdown"}).exit_status == 2);
  CHECK(diff({a, a, "--only", "no-such-assertion"}).exit_status == 2);
  CHECK(diff({a, folder.file("missing.ktape")}).exit_status == 3);
  CHECK(diff({"--help"}).exit_status == 0);
}

}  // namespace ktape::test
