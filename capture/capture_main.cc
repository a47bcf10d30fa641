// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <map>

#include "capture/kernel_source.h"
#include "capture/session.h"
#include "schema/base/digest.h"
#include "schema/base/exit_code.h"
#include "schema/base/file.h"

namespace ktape {
namespace {

constexpr char kProgram[] = "ktape capture";

constexpr char kDescription[] =
    "Boots a kernel in a guest, runs a scenario there, and records all of it on one tape.";

constexpr char kFooter[] =
    "examples:\n"
    "  ktape capture cold_path_roundtrip -o run.ktape\n"
    "  ktape capture my.scenario --kernel 7.3.4\n"
    "  ktape capture my.scenario --kernel ~/linux/arch/x86/boot/bzImage\n"
    "\n"
    "While it records the tape is 'run.ktape.partial'; 'run.ktape' exists once it is sealed.\n"
    "exit codes: 0 completed; 1 sealed with another outcome; 2 usage or scenario; 3 unusable kernel;\n"
    "            4 the host lacks something, or the machine was lost";

const char* outcome_text(schema::Outcome outcome) {
  switch (outcome) {
    case schema::Outcome::COMPLETED: return "completed";
    case schema::Outcome::SCENARIO_FAILED: return "scenario failed";
    case schema::Outcome::GUEST_PANICKED: return "guest panicked";
    case schema::Outcome::RUN_TIMED_OUT: return "run timed out";
    case schema::Outcome::BOOT_TIMED_OUT: return "boot timed out";
    case schema::Outcome::MACHINE_LOST: return "machine lost";
    case schema::Outcome::GUEST_EXITED: return "guest exited without saying done";
    case schema::Outcome::INTERRUPTED: return "interrupted";
    case schema::Outcome::PROTOCOL_BROKEN: return "agent broke the protocol";
    default: return "unknown";
  }
}

ExitCode outcome_code(schema::Outcome outcome) {
  if (outcome == schema::Outcome::COMPLETED) return ExitCode::kGood;
  return outcome == schema::Outcome::MACHINE_LOST ? ExitCode::kHost : ExitCode::kViolated;
}

// SIGINT and SIGTERM end the run, not the program: the tape is sealed first.
UniqueFd interrupts() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

void print_result(const CaptureResult& result) {
  std::string outcome = outcome_text(result.end.outcome);
  if (!result.end.detail.empty()) outcome += ": " + result.end.detail;
  fmt::print("outcome  {}\n", outcome);
  fmt::print("tape     {}  ({} records, {:.1f} MB)\n", result.tape.path, result.tape.records,
             static_cast<double>(result.tape.bytes) / 1e6);
  fmt::print("head     {}\n", to_hex(result.tape.head));
  fmt::print("next     ktape {} {}\n", result.end.outcome == schema::Outcome::COMPLETED ? "check" : "show",
             result.tape.path);
}

int run(int argc, char** argv) {
  CaptureOptions options;
  options.kernel = kDefaultKernel;
  CLI::App app(kDescription, kProgram);
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("ktape ") + KTAPE_VERSION);
  const std::map<std::string, Accelerator> accelerators = {
      {"auto", Accelerator::kAuto}, {"kvm", Accelerator::kKvm}, {"tcg", Accelerator::kTcg}};
  bool no_kaslr = false;
  app.add_option("SCENARIO", options.scenario, "A scenario file, or the name of one that ships")->required();
  app.add_option("-o,--output", options.output, "The tape to write; default: the scenario's name, .ktape");
  app.add_option("-k,--kernel", options.kernel,
                 "A version from the cache ('tools/kernel list'), or the path of a bzImage or vmlinux")
      ->capture_default_str();
  app.add_option("--accel", options.accelerator, "kvm, tcg, or auto: kvm where it can run a kernel, else tcg")
      ->transform(CLI::CheckedTransformer(accelerators, CLI::ignore_case))
      ->default_str("auto");
  app.add_flag("--no-kaslr", no_kaslr,
               "Boot the unpacked vmlinux: faster, and its addresses are those of the image");
  app.add_flag("--fast-boot", options.fast_boot,
               "Leave out mitigations, LSMs, lock-up watchdogs and slow initcalls.\n"
               "This changes the kernel under test; the tape says so");
  app.add_option("--append", options.extra_arguments, "More arguments for the guest kernel's command line");
  app.add_option("--qemu", options.qemu_program, "The QEMU program")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  options.kaslr = !no_kaslr;

  UniqueFd interrupt = interrupts();
  Result<CaptureResult> result = [&] {
    TextProgress progress(STDERR_FILENO);
    return capture(options, progress, interrupt.get());
  }();
  if (!result.ok()) {
    fmt::print(stderr, "{}", describe(kProgram, result.error()));
    return static_cast<int>(exit_code(result.error()));
  }
  print_result(*result);
  return static_cast<int>(outcome_code(result->end.outcome));
}

}  // namespace
}  // namespace ktape

int main(int argc, char** argv) { return ktape::run(argc, argv); }
