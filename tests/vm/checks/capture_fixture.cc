// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/capture_fixture.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "capture/verbs/kernel_source.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"
#include "tests/vm/checks/qemu_fault.h"

namespace ktape::test {

namespace fs = std::filesystem;

namespace {

std::string scenario_path(const std::string& name) {
  for (const char* folder :
       {KTAPE_SOURCE_DIR "/tests/scenarios/", KTAPE_SOURCE_DIR "/guest/scenarios/"}) {
    std::string path = folder + name + ".scenario";
    if (fs::exists(path)) return path;
  }
  FAIL("no scenario '" << name << "'");
  return "";
}

// Of a scenario, on whichever release of the series.
std::string golden_tape(const std::string& scenario, const std::string& series) {
  for (const auto& entry : fs::directory_iterator(KTAPE_SOURCE_DIR "/tests/golden")) {
    const std::string name = entry.path().filename();
    if (name.starts_with(scenario + "-" + series + ".") && name.ends_with(".ktape"))
      return entry.path();
  }
  FAIL("no golden tape of '" << scenario << "' on " << series);
  return "";
}

// Only the end of a test case shows whether all of it passed.
class KeepTapes : public Catch::EventListenerBase {
 public:
  using EventListenerBase::EventListenerBase;
  static inline std::string folder;  // of the test case that runs

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    if (folder.empty()) return;
    if (stats.totals.assertions.allOk()) {
      std::error_code ignored;
      fs::remove_all(folder, ignored);
    } else {
      std::fprintf(stderr, "the tape is kept: %s/ktape-show %s/*.ktape\n", KTAPE_BIN,
                   folder.c_str());
    }
    folder.clear();
  }
};
CATCH_REGISTER_LISTENER(KeepTapes)

}  // namespace

ChildResult run_built(const std::string& program, const std::vector<std::string>& arguments) {
  return must(run_child(std::string(KTAPE_BIN "/") + program, arguments, size_t{64} << 20));
}

std::string kernel_programs(const std::string& kind, const std::string& series) {
  const std::string version = version_for(series);
  const fs::path folder = fs::path(kernel_cache_folder()).parent_path() / kind / version;
  const std::string tool = kind == "schedulers" ? "tools/scx-examples " : "tools/scx-selftests ";
  if (!fs::exists(folder)) SKIP("no " << kind << " for " << version << ": " << tool << version);
  return folder;
}

std::string example_schedulers(const std::string& series) {
  return kernel_programs("schedulers", series);
}

CaptureFixture::CaptureFixture() {
  std::string pattern = fs::temp_directory_path() / "ktape-vm-XXXXXX";
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  KeepTapes::folder = folder_;
}

Captured CaptureFixture::capture(const std::string& scenario, const std::string& kernel,
                                 const std::vector<std::string>& more) {
  return run(scenario, scenario_path(scenario), kernel, more);
}

Captured CaptureFixture::capture_or_golden(const std::string& scenario, const std::string& series) {
  if (!is_gone(series)) return capture(scenario, series);
  Captured golden;
  golden.tape = golden_tape(scenario, series);
  WARN("no kernel of " << series << " can be had: its golden tape stands for it, " << golden.tape);
  golden.program = run_built("ktape-verify", {golden.tape});
  golden.facts = must(gather_facts(golden.tape));
  return golden;
}

Captured CaptureFixture::capture_text(const std::string& name, const std::string& text,
                                      const std::string& kernel,
                                      const std::vector<std::string>& more) {
  return run(name, write_scenario(name, text), kernel, more);
}

std::string CaptureFixture::write_scenario(const std::string& name, const std::string& text) const {
  std::string file = folder_ + "/" + name + ".scenario";
  std::ofstream(file) << text;
  return file;
}

namespace {

// Runs `ktape-capture`, and sends it SIGUSR1 once its progress, which goes to a file, has the text.
ChildResult run_signalled(const std::string& text, const std::string& progress,
                          std::vector<std::string> arguments) {
  constexpr char kScript[] = R"(
    text=$1 progress=$2 program=$3
    shift 3
    "$program" "$@" 2>"$progress" &
    until grep -qsF "$text" "$progress"; do
      kill -0 $! || exit 9
      sleep 0.1
    done
    kill -USR1 $!
    wait $!)";
  arguments.insert(arguments.begin(),
                   {"-c", kScript, "sh", text, progress, KTAPE_BIN "/ktape-capture"});
  return must(run_child("/bin/sh", arguments, size_t{1} << 20));
}

constexpr int kMaxTries = 3;  // of a capture that QEMU itself spoils

}  // namespace

Captured CaptureFixture::run(const std::string& name, const std::string& scenario_file,
                             const std::string& series, const std::vector<std::string>& more) {
  if (!is_cached(series)) SKIP(not_cached(series));
  const std::string kernel = version_for(series);
  Captured captured;
  captured.tape = folder_ + "/" + name + "-" + kernel + ".ktape";
  std::vector<std::string> arguments = {scenario_file, "-o", captured.tape, "--kernel", kernel};
  // Where only one will do: a guest that falls back to another says nothing about that one.
  if (const char* accelerator = std::getenv("KTAPE_TEST_ACCEL")) {
    arguments.insert(arguments.end(), {"--accel", accelerator});
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  for (int tries = 1;; ++tries) {
    captured.program = signal_at.empty()
                           ? run_built("ktape-capture", arguments)
                           : run_signalled(signal_at, folder_ + "/progress", arguments);
    if (tries == kMaxTries || !is_fault_of_qemu(captured.program.output)) break;
    std::fprintf(stderr, "QEMU itself failed, so this capture is made again:\n%s\n",
                 captured.program.output.c_str());
    fs::rename(captured.tape, captured.tape + "." + std::to_string(tries) + ".lost");
  }
  INFO(captured.program.output);
  Result<TapeFacts> facts = gather_facts(captured.tape);
  if (!facts.ok()) FAIL(facts.error().message);
  captured.facts = std::move(facts).value();
  return captured;
}

}  // namespace ktape::test
