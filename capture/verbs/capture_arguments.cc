// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/capture_arguments.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <optional>

#include "capture/verbs/kernel_source.h"
#include "capture/verbs/machine_options.h"
#include "schema/base/command/command_line.h"
#include "schema/base/exit_code.h"

namespace ktape {

namespace {

constexpr uint64_t kMegabyte = 1000000;

constexpr char kDescription[] =
    "Boots a kernel in a guest, runs a scenario in it, and records the run on a tape.";

constexpr char kFooter[] = R"(Examples:
  ktape capture cold_path_roundtrip -o run.ktape
  ktape capture my.scenario --kernel 7.3.4
  ktape capture my.scenario --topology sockets=2,cores=2,threads=2,numaNodes=2
  ktape capture my.scenario --freeze-on symbol:sched_setscheduler*3 --freeze-every 500
  ktape capture my.scenario --freeze-on symbol:schedule*50@attach
  ktape capture my.scenario --kernel ~/linux
  ktape capture my.scenario --scheduler './scx_mine --slice 5000'

SIGUSR1 freezes the guest once. SIGINT, SIGTERM and SIGHUP end the run and seal the tape.
During the run the tape is named 'run.ktape.partial'; it is renamed to 'run.ktape' when sealed.
Exit status: 0 completed; 1 sealed with another outcome, or a scheduler was ejected and
--fail-on-eject was given; 2 usage or scenario error; 3 unusable kernel;
4 the host lacks something, or the machine was lost)";

// The command line as typed, where its form differs from CaptureOptions.
struct Asked {
  CaptureOptions options;
  std::string accelerator = "auto";
  std::string memory = "sched";
  bool no_kaslr = false;
  int64_t every_ms = 0;
  uint64_t max_tape_mb = options.max_tape_bytes / kMegabyte;
  std::string topology;
  uint32_t cpus = 0;
  uint32_t memory_mb = 0;
  std::optional<Option> scheduler;
};

const char* memory_name(schema::MemoryMode mode) {
  switch (mode) {
    case schema::MemoryMode::NONE: return "none";
    case schema::MemoryMode::TOUCHED: return "touched";
    case schema::MemoryMode::FULL: return "full";
    default: return "sched";
  }
}

schema::MemoryMode memory_mode(const std::string& name) {
  using schema::MemoryMode;
  for (const MemoryMode mode : {MemoryMode::NONE, MemoryMode::TOUCHED, MemoryMode::FULL}) {
    if (name == memory_name(mode)) return mode;
  }
  // The parser accepts only the four names, so what is left is the default.
  return MemoryMode::SCHED;
}

Accelerator accelerator_of(const std::string& name) {
  for (const Accelerator accelerator : {Accelerator::kKvm, Accelerator::kTcg}) {
    if (name == accelerator_name(accelerator)) return accelerator;
  }
  return Accelerator::kAuto;
}

// `asked` outlives the parsing. --help lists options in the order in which they are added.
void add_run_options(CommandLine& program, Asked& asked) {
  program
      .add("SCENARIO", asked.options.scenario,
           "A scenario file, or the name of a scenario shipped with ktape")
      .required();
  program
      .add("-o,--output", asked.options.output, "The tape to write; default: SCENARIO-NAME.ktape")
      .value_name("TAPE");
  program.add("-k,--kernel", asked.options.kernel, kKernelHelp)
      .value_name("KERNEL")
      .shows_default(kDefaultKernelText);
}

void add_machine_options(CommandLine& program, Asked& asked) {
  const Option cpus_option =
      program.add("--cpus", asked.cpus, "Number of vCPUs in one socket; overrides the scenario")
          .range(1, kMaxCpus);
  program
      .add("--topology", asked.topology,
           R"(Sockets, cores per socket, threads per core, LLCs and NUMA nodes; overrides the
scenario. Example: sockets=2,cores=4,threads=2,llcs=4,numaNodes=2)")
      .value_name("TOPOLOGY")
      .excludes(cpus_option);
  program.add("--memory-mb", asked.memory_mb, "RAM in MiB; overrides the scenario")
      .range(kMinMemoryMb, kMaxMemoryMb);
}

void add_guest_options(CommandLine& program, Asked& asked) {
  asked.scheduler =
      program
          .add("--scheduler", asked.options.guest.scheduler,
               R"(Command that runs the scheduler, 'PROGRAM ARGUMENTS'; overrides the scenario.
Quoting is that of a shell, but no shell runs)")
          .value_name("COMMAND");
  program
      .add(
          "--scheduler-dir", asked.options.guest.scheduler_folders,
          R"(Look for the scheduler's program in this folder first, then in the scenario's folder and
in PATH. May be repeated)")
      .value_name("DIR")
      .repeated();
  program
      .add("--overlay", asked.options.guest.overlays,
           R"(Copy the files in this folder into the guest, with the libraries and interpreters that
programs among them need. May be repeated)")
      .value_name("DIR")
      .repeated();
}

void add_accelerator_options(CommandLine& program, Asked& asked) {
  program
      .add("--accel", asked.accelerator,
           "How to run the guest; auto: with kvm if it can run a kernel, else with tcg")
      .one_of({"auto", "kvm", "tcg"})
      .shows_default();
  program.add_flag(
      "--tcg-single-thread", asked.options.tcg_single_thread,
      R"(Without KVM, emulate all vCPUs in one thread. Use it for guests that attach hundreds of
schedulers: with one thread per vCPU, such guests sometimes die with an int3 trap while the kernel
patches its own code)");
}

void add_kernel_options(CommandLine& program, Asked& asked) {
  program
      .add("--memory", asked.memory,
           R"(Guest memory to keep at each freeze, as it was before any op wrote.
sched: runqueues, tasks, the scheduler, its DSQs and BPF maps, and what ops touched;
touched: only what ops touched; full: all memory, tens of MB; none: nothing)")
      .one_of({"sched", "touched", "full", "none"})
      .shows_default();
  program.add_flag("--no-kaslr", asked.no_kaslr,
                   "Boot the unpacked vmlinux. Faster, and addresses are the same as in the image");
  program.add_flag("--fast-boot", asked.options.fast_boot,
                   R"(Skip slow initcalls: module signing keys and one random number generator.
This changes the kernel under test, and the tape records it)");
  program
      .add("--append", asked.options.extra_arguments,
           "Arguments to append to the guest kernel's command line")
      .value_name("ARGUMENTS");
}

void add_freeze_options(CommandLine& program, Asked& asked) {
  program.add("--freeze-on", asked.options.freeze_on, kFreezeOnHelp).value_name("WHAT").repeated();
  program
      .add(
          "--freeze-every", asked.every_ms,
          R"(Freeze every N ms, from the start of the first step to the end of the last. An interval
that ends while the previous freeze is being recorded, or too soon after it, is skipped and
counted.
Under KVM each freeze resets the guest's lockup detectors: with an interval below their thresholds
(by default 20 s for soft lockups, 21 s for RCU stalls) they never report anything.
The sched_ext watchdog is not reset)")
      .range(1, 86400000);
}

void add_ending_options(CommandLine& program, Asked& asked) {
  program.add_flag(
      "--fail-on-eject", asked.options.fail_on_eject,
      "Exit with status 1 if the kernel ejected a scheduler, even if the run completed");
  program
      .add("--max-tape", asked.max_tape_mb,
           "End the run with outcome 'host failed' when the tape reaches this many MB")
      .range(1, int64_t{1} << 40, "MB")
      .shows_default();
  program.add("--qemu", asked.options.qemu_program, "The QEMU program")
      .value_name("PROGRAM")
      .shows_default();
}

void add_options(CommandLine& program, Asked& asked) {
  add_run_options(program, asked);
  add_machine_options(program, asked);
  add_guest_options(program, asked);
  add_accelerator_options(program, asked);
  add_kernel_options(program, asked);
  add_freeze_options(program, asked);
  add_ending_options(program, asked);
}

Result<CaptureOptions> options_of(const Asked& asked) {
  CaptureOptions options = asked.options;
  // An empty --scheduler would silently run the scenario's.
  if (asked.scheduler->count() > 0 && options.guest.scheduler.empty()) {
    return Error{ErrorCode::kUsage, "--scheduler: the command is empty",
                 "omit --scheduler to run the scenario's scheduler"};
  }
  if (!asked.topology.empty()) {
    const Result<MachineShape> shape = parse_topology(asked.topology);
    if (!shape.ok())
      return Error{ErrorCode::kUsage, "--topology: " + shape.error().message, shape.error().hint};
    options.machine.shape = *shape;
  }
  // --cpus replaces the whole shape: the scenario's sockets may not divide another number of CPUs.
  if (asked.cpus != 0) options.machine.shape = MachineShape{.cpus = asked.cpus};
  if (asked.memory_mb != 0) options.machine.memory_mb = asked.memory_mb;
  options.kaslr = !asked.no_kaslr;
  options.max_tape_bytes = asked.max_tape_mb * kMegabyte;
  options.freeze_every = std::chrono::milliseconds(asked.every_ms);
  options.accelerator = accelerator_of(asked.accelerator);
  options.memory = memory_mode(asked.memory);
  return options;
}

// Collects arguments. A value that begins with '-' is joined to its option, or it would be parsed
// as an option itself.
class Words {
 public:
  void argument(const std::string& word) { words_.push_back(word); }
  void flag(const char* name, bool given) {
    if (given) words_.emplace_back(name);
  }
  void value(const std::string& name, const std::string& value) {
    if (value.starts_with('-')) {
      words_.push_back(name + "=" + value);
    } else {
      words_.insert(words_.end(), {name, value});
    }
  }
  void value_unless(const std::string& usual, const std::string& name, const std::string& value) {
    if (value != usual) this->value(name, value);
  }
  void values(const std::string& name, const std::vector<std::string>& values) {
    for (const std::string& value : values) this->value(name, value);
  }
  std::vector<std::string> take() { return std::move(words_); }

 private:
  std::vector<std::string> words_;
};

}  // namespace

ParsedCapture parse_capture(int argc, char** argv) {
  Asked asked;
  Program program(kCaptureProgram, kDescription, kFooter);
  add_options(program, asked);
  if (const std::optional<int> status = program.begin(argc, argv)) return *status;
  Result<CaptureOptions> options = options_of(asked);
  if (options.ok()) {
    // Named now: "host" and the default may mean another kernel when the tape is read.
    options->kernel = named_kernel(options->kernel);
    return std::move(options).value();
  }
  return program.end(options.error());
}

std::vector<std::string> capture_words(const CaptureOptions& options) {
  const CaptureOptions usual;
  Words words;
  // Always, even if it was not given: the default changes as kernels are fetched.
  words.value("--kernel", options.kernel);
  if (options.machine.shape) words.value("--topology", topology_text(*options.machine.shape));
  if (options.machine.memory_mb)
    words.value("--memory-mb", std::to_string(*options.machine.memory_mb));
  words.value_unless("", "--scheduler", options.guest.scheduler);
  words.values("--scheduler-dir", options.guest.scheduler_folders);
  words.values("--overlay", options.guest.overlays);
  words.value_unless(accelerator_name(usual.accelerator), "--accel",
                     accelerator_name(options.accelerator));
  words.flag("--tcg-single-thread", options.tcg_single_thread);
  words.value_unless(memory_name(usual.memory), "--memory", memory_name(options.memory));
  words.flag("--no-kaslr", !options.kaslr);
  words.flag("--fast-boot", options.fast_boot);
  words.value_unless("", "--append", options.extra_arguments);
  words.values("--freeze-on", options.freeze_on);
  words.value_unless("0", "--freeze-every", std::to_string(options.freeze_every.count()));
  words.flag("--fail-on-eject", options.fail_on_eject);
  words.value_unless(std::to_string(usual.max_tape_bytes / kMegabyte), "--max-tape",
                     std::to_string(options.max_tape_bytes / kMegabyte));
  words.value_unless(usual.qemu_program, "--qemu", options.qemu_program);
  // A scenario name that begins with '-' would be parsed as an option.
  words.argument((options.scenario.starts_with('-') ? "./" : "") + options.scenario);
  return words.take();
}

}  // namespace ktape
