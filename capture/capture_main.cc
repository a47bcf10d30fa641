// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "capture/kernel_source.h"
#include "capture/machine_options.h"
#include "capture/session.h"
#include "schema/base/command_line.h"
#include "schema/base/digest.h"
#include "schema/base/exit_code.h"
#include "schema/base/file.h"
#include "schema/base/text.h"

namespace ktape {
namespace {

constexpr char kProgram[] = "ktape capture";
// The guest may have a part in the detail of an outcome; the tape has all of it.
constexpr size_t kMostDetailBytes = 2000;
constexpr uint64_t kMegabyte = 1000000;

constexpr char kDescription[] =
    "Boots a kernel in a guest, runs a scenario there, and records all of it on one tape.";

constexpr char kFooter[] =
    "Examples:\n"
    "  ktape capture cold_path_roundtrip -o run.ktape\n"
    "  ktape capture my.scenario --kernel 7.3.4\n"
    "  ktape capture my.scenario --topology sockets=2,cores=2,threads=2,numaNodes=2\n"
    "  ktape capture my.scenario --freeze-on symbol:sched_setscheduler*3 --freeze-every 500\n"
    "  ktape capture my.scenario --kernel ~/linux/arch/x86/boot/bzImage\n"
    "  ktape capture my.scenario --scheduler './scx_mine --slice 5000'\n"
    "\n"
    "SIGUSR1 freezes once, on demand; SIGINT and SIGTERM end the run and seal the tape.\n"
    "While it records the tape is 'run.ktape.partial'; 'run.ktape' exists once it is sealed.\n"
    "Exit status: 0 completed; 1 sealed with another outcome; 2 usage or scenario; 3 unusable kernel;\n"
    "4 the host lacks something, or the machine was lost";

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
    case schema::Outcome::HOST_FAILED: return "host failed";
    case schema::Outcome::PROTOCOL_BROKEN: return "agent broke the protocol";
    default: return "unknown";
  }
}

ExitCode outcome_code(schema::Outcome outcome) {
  switch (outcome) {
    case schema::Outcome::COMPLETED: return ExitCode::kGood;
    case schema::Outcome::MACHINE_LOST:
    case schema::Outcome::HOST_FAILED: return ExitCode::kHost;
    default: return ExitCode::kViolated;
  }
}

schema::MemoryMode memory_mode(const std::string& name) {
  if (name == "none") return schema::MemoryMode::NONE;
  if (name == "touched") return schema::MemoryMode::TOUCHED;
  if (name == "full") return schema::MemoryMode::FULL;
  return schema::MemoryMode::SCHED;
}

// A descriptor that is readable when one of the signals came; they do nothing else any more.
UniqueFd take_signals(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

void print_result(const CaptureResult& result) {
  std::string outcome = outcome_text(result.end.outcome);
  if (!result.end.detail.empty()) outcome += ": " + printable(result.end.detail.substr(0, kMostDetailBytes));
  fmt::print("outcome  {}\n", outcome);
  fmt::print("tape     {}  ({} records, {:.1f} MB)\n", result.tape.path, result.tape.records,
             static_cast<double>(result.tape.bytes) / 1e6);
  if (result.tape.pages > 0) {
    fmt::print("memory   {} pages of the guest's memory, {:.2f} MB of the tape\n", result.tape.pages,
               static_cast<double>(result.tape.page_bytes) / 1e6);
  }
  if (result.tape.partial_was_gone)
    fmt::print(
        "note     '{}.partial' was removed while it was recorded: the tape is a copy of what was in it\n",
        result.tape.path);
  // That no scheduler erred needs no line.
  for (const TriggerCount& trigger : result.end.triggers) {
    if (trigger.freezes > 0 || trigger.name != kScxErrorTrigger)
      fmt::print("frozen   on {}\n", trigger.text());
  }
  fmt::print("head     {}\n", to_hex(result.tape.head));
  fmt::print("next     ktape {} {}\n", result.end.outcome == schema::Outcome::COMPLETED ? "check" : "show",
             result.tape.path);
}

int usage_error(const std::string& where, Error error) {
  error.message = where + error.message;
  fmt::print(stderr, "{}", describe(kProgram, error));
  return static_cast<int>(ExitCode::kUsage);
}

int run(int argc, char** argv) {
  CaptureOptions options;
  options.kernel = kDefaultKernel;
  CLI::App app(std::string(kDescription) + "\n", kProgram);
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("ktape ") + KTAPE_VERSION);
  std::string accelerator = "auto";
  std::string memory = "sched";
  bool no_kaslr = false;
  int64_t every_ms = 0;
  uint64_t max_tape_mb = options.max_tape_bytes / kMegabyte;
  app.add_option("SCENARIO", options.scenario, "A scenario file, or the name of one that ships")->required();
  app.add_option("-o,--output", options.output, "The tape to write; default: the scenario's name, .ktape");
  app.add_option("-k,--kernel", options.kernel,
                 "A version from the cache ('tools/kernel list'), or the path of a bzImage or vmlinux")
      ->capture_default_str();
  std::string topology;
  uint32_t cpus = 0;
  uint32_t memory_mb = 0;
  auto* cpus_option =
      app.add_option("--cpus", cpus, "So many vCPUs in one socket, instead of the scenario's machine")
          ->check(CLI::Range(uint32_t{1}, kMaxCpus));
  app.add_option("--topology", topology,
                 "Sockets, cores of a socket, threads of a core, LLCs and NUMA nodes, instead of the\n"
                 "scenario's: sockets=2,cores=4,threads=2,llcs=4,numaNodes=2")
      ->excludes(cpus_option);
  app.add_option("--memory-mb", memory_mb, "MiB of RAM, instead of the scenario's")
      ->check(CLI::Range(kMinMemoryMb, kMaxMemoryMb));
  auto* scheduler_option =
      app.add_option("--scheduler", options.guest.scheduler,
                     "A scheduler's command, 'PROGRAM ARGUMENTS', instead of the scenario's scheduler.\n"
                     "Words are quoted as for a shell; none is run")
          ->type_name("COMMAND");
  app.add_option("--scheduler-dir", options.guest.scheduler_folders,
                 "Look for a scheduler's program here, before PATH; more than once for several")
      ->type_name("DIR")
      ->allow_extra_args(false);
  app.add_option("--overlay", options.guest.overlays,
                 "Give the guest the files in this folder, as they are; more than once for several")
      ->type_name("DIR")
      ->allow_extra_args(false);
  app.add_option("--accel", accelerator, "kvm, tcg, or auto: kvm where it can run a kernel, else tcg")
      ->check(CLI::IsMember({"auto", "kvm", "tcg"}))
      ->capture_default_str();
  app.add_option("--memory", memory,
                 "What to keep of the guest's memory at each freeze, as it was before ops wrote.\n"
                 "sched: runqueues, tasks, the scheduler, its queues and BPF maps, and what ops touched;\n"
                 "touched: what ops touched; full: all of it, tens of MB; none")
      ->check(CLI::IsMember({"sched", "touched", "full", "none"}))
      ->capture_default_str();
  app.add_flag("--no-kaslr", no_kaslr,
               "Boot the unpacked vmlinux: faster, and its addresses are those of the image");
  app.add_flag("--fast-boot", options.fast_boot,
               "Leave out slow initcalls: the keys of module signatures, a generator of random numbers.\n"
               "This changes the kernel under test; the tape says so");
  app.add_option("--append", options.extra_arguments, "More arguments for the guest kernel's command line");
  app.add_option("--freeze-on", options.freeze_on, kFreezeOnHelp)->take_all()->expected(1);
  app.add_option("--freeze-every", every_ms, "Freeze every so many ms, from the first step to the last's end")
      ->check(CLI::Range(1, 86400000));
  app.add_option("--max-tape", max_tape_mb,
                 "End the run, as failed by the host, when its tape takes this many MB")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
      ->capture_default_str();
  app.add_option("--qemu", options.qemu_program, "The QEMU program")->capture_default_str();
  if (std::optional<int> status = parse_command_line(app, argc, argv)) return *status;
  if (scheduler_option->count() > 0 && options.guest.scheduler.empty()) {
    return usage_error("--scheduler: ", {ErrorCode::kUsage, "the command is empty",
                                         "leave it out to run the scenario's own scheduler"});
  }
  if (!topology.empty()) {
    const Result<MachineShape> shape = parse_topology(topology);
    if (!shape.ok()) return usage_error("--topology: ", shape.error());
    options.machine.shape = *shape;
  }
  if (cpus != 0) options.machine.shape = MachineShape{.cpus = cpus};
  if (memory_mb != 0) options.machine.memory_mb = memory_mb;
  options.kaslr = !no_kaslr;
  options.max_tape_bytes = max_tape_mb * kMegabyte;
  options.freeze_every = std::chrono::milliseconds(every_ms);
  options.accelerator = accelerator == "kvm"   ? Accelerator::kKvm
                        : accelerator == "tcg" ? Accelerator::kTcg
                                               : Accelerator::kAuto;

  options.memory = memory_mode(memory);
  // SIGINT, SIGTERM and SIGHUP end the run, not the program: the tape is sealed first. A reader of our
  // output that goes away ends neither.
  const UniqueFd end = take_signals({SIGINT, SIGTERM, SIGHUP});
  const UniqueFd freeze = take_signals({SIGUSR1});
  std::signal(SIGPIPE, SIG_IGN);
  // A tape that may not grow any more is an error like a full disk, not the program's death.
  std::signal(SIGXFSZ, SIG_IGN);
  Result<CaptureResult> result = [&] {
    TextProgress progress(STDERR_FILENO);
    return capture(options, progress, {end.get(), freeze.get()});
  }();
  if (!result.ok()) {
    fmt::print(stderr, "{}", describe(kProgram, result.error()));
    return static_cast<int>(exit_code(result.error()));
  }
  print_result(*result);
  // The tape is sealed and whole, but the head digest has not reached the user.
  if (std::fflush(stdout) != 0) {
    fmt::print(stderr, "{}",
               describe(kProgram, system_error(ErrorCode::kHost, "cannot write to standard output")));
    return static_cast<int>(ExitCode::kHost);
  }
  return static_cast<int>(outcome_code(result->end.outcome));
}

}  // namespace
}  // namespace ktape

int main(int argc, char** argv) { return ktape::run(argc, argv); }
