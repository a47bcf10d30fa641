// SPDX-License-Identifier: Apache-2.0
//
// The kernel's own tests of sched_ext, complete, under ktape: what they do to schedulers is on the
// tape as the kernel did it. Attaching and detaching two thousand times takes a quarter of an hour
// for each kernel under TCG.
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <map>

#include "schema/tape/reading/reader.h"
#include "schema/wire/data.h"
#include "tests/support/must.h"
#include "tests/vm/checks/capture_fixture.h"
#include "tests/vm/checks/selftest_check.h"

namespace ktape::test {

namespace {

// With more, the result says nothing about the kernel, only about the host.
constexpr size_t kMaxSlow = 6;

// The runner that tools/scx-selftests has built; skips the test case if it is missing.
std::string selftest_runner(const std::string& series) {
  return kernel_programs("selftests", series) + "/runner";
}

// The series of the kernel's source that they are from: "6.12" of the package linux-source-6.12.
std::string source_series(const std::string& series) {
  std::ifstream package(kernel_programs("selftests", series) + "/package");
  const std::string prefix = "Package: linux-source-";
  for (std::string line; std::getline(package, line);) {
    if (line.starts_with(prefix)) return line.substr(prefix.size());
  }
  FAIL("the selftests do not say which source they are from");
  return "";
}

void set_exit(schema::SchedulerExited::Reader exit, TapeScheduler& scheduler) {
  scheduler.exited = true;
  scheduler.kind = exit.getKind();
  scheduler.code = exit.getExitCode();
  scheduler.reason = as_text(exit.getReason());
  scheduler.message = as_text(exit.getMessage());
}

SelftestRun run_on(const Captured& captured) {
  SelftestRun run;
  std::map<uint32_t, size_t> by_id;
  const auto add = [&](const RecordView& view) -> Result<void> {
    if (!view.known) return {};
    const schema::Record::Reader record = view.record;
    const auto of = [&](uint32_t id) -> TapeScheduler& { return run.schedulers.at(by_id.at(id)); };
    if (record.isSchedulerAttempted()) {
      by_id[record.getSchedulerAttempted().getId()] = run.schedulers.size();
      run.schedulers.push_back(
          {.name = std::string(as_text(record.getSchedulerAttempted().getName()))});
    } else if (record.isSchedulerAttached()) {
      const auto attached = record.getSchedulerAttached();
      of(attached.getId()).enabled = true;
      of(attached.getId()).partial = attached.getSwitchMode() == schema::SwitchMode::PARTIAL;
    } else if (record.isSchedulerEnableFailed()) {
      set_exit(record.getSchedulerEnableFailed(), of(record.getSchedulerEnableFailed().getId()));
    } else if (record.isSchedulerExited()) {
      set_exit(record.getSchedulerExited(), of(record.getSchedulerExited().getId()));
    } else if (record.isSchedulerOutput()) {
      run.output += as_text(record.getSchedulerOutput().getText());
    }
    return {};
  };
  must(must(TapeReader::open(captured.tape))->for_each(add));
  run.console = captured.facts.console;
  run.enable_seq = captured.facts.entries.at("enable_seq").value;
  return run;
}

// Without KVM, QEMU's threads are not safe for kernels that patch their code so often.
std::vector<std::string> options(const std::string& runner) {
  return {"--scheduler", runner + " -q", "--tcg-single-thread"};
}

std::string lines_of(const std::vector<std::string>& sentences) {
  std::string lines;
  for (const std::string& sentence : sentences) lines += sentence + "\n";
  return lines;
}

void check(const Captured& captured, const std::string& series) {
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == schema::Outcome::COMPLETED);
  REQUIRE(captured.facts.entries.contains("enable_seq"));
  const SelftestFindings findings = check_selftests(run_on(captured), expected_selftests(series));
  CHECK(lines_of(findings.wrong) == "");
  if (!findings.slow.empty()) WARN("by a slow host:\n" << lines_of(findings.slow));
  CHECK(findings.slow.size() <= kMaxSlow);
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture,
                 "the kernel's sched_ext selftests are on the tape as they ran, on 6.16") {
  const std::string runner = selftest_runner("6.16");
  check(capture("program_to_its_end", "6.16", options(runner)), source_series("6.16"));
}

TEST_CASE_METHOD(CaptureFixture,
                 "the kernel's sched_ext selftests are on the tape as they ran, on 7.3") {
  const std::string runner = selftest_runner("7.3");
  check(capture("program_to_its_end", "7.3", options(runner)), source_series("7.3"));
}

}  // namespace ktape::test
