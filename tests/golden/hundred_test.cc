// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <thread>

#include "schema/base/child.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace fs = std::filesystem;

namespace {

constexpr size_t kTapes = 100;

ChildResult check(std::vector<std::string> arguments) {
  return must(run_child(KTAPE_BIN "/ktape-check", arguments, size_t{64} << 20));
}

std::vector<std::string> golden_tapes() {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(KTAPE_GOLDEN)) {
    if (entry.path().extension() == ".ktape") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// The lines of results with their verdicts, without numbers; of several tapes those of `tape`,
// whose results are indented.
std::vector<std::string> results(const ChildResult& checked, const std::string& tape) {
  const std::string indent = tape.empty() ? "" : "  ";
  bool wanted = tape.empty();
  std::vector<std::string> found;
  std::istringstream lines(checked.output);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  # Subtest: ")) wanted = line == "  # Subtest: " + tape;
    if (!wanted || !line.starts_with(indent)) continue;
    line.erase(0, indent.size());
    const bool bad = line.starts_with("not ok ");
    if (!bad && !line.starts_with("ok ")) continue;
    found.push_back((bad ? "not ok " : "ok ") + line.substr(line.find(' ', bad ? 7 : 3) + 1));
  }
  return found;
}

double processor_seconds() {
  rusage used{};
  REQUIRE(::getrusage(RUSAGE_CHILDREN, &used) == 0);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

TEST_CASE("all assertions judge 100 tapes like each of them alone, and the cost is printed") {
  TempDir folder;
  const std::vector<std::string> golden = golden_tapes();
  REQUIRE(golden.size() > 10);
  std::vector<std::string> tapes;
  for (size_t i = 0; i < kTapes; ++i) {
    tapes.push_back(folder.file(fmt::format("{}.ktape", i)));
    fs::copy_file(golden[i % golden.size()], tapes.back());
  }
  const double before = processor_seconds();
  const auto began = std::chrono::steady_clock::now();
  const ChildResult all = check(tapes);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print(
      "100 tapes with all assertions: {:.1f} s of processor time, {:.1f} s on {} processors\n",
      processor_seconds() - before, took.count(), std::thread::hardware_concurrency());
  CHECK(all.exit_status == 1);  // stalls are among them
  for (size_t i = 0; i < kTapes; ++i) {
    const std::vector<std::string> alone = results(check({golden[i % golden.size()]}), "");
    CAPTURE(golden[i % golden.size()]);
    CHECK(alone.size() == 12);
    CHECK(results(all, tapes[i]) == alone);
  }
}

}  // namespace ktape::test
