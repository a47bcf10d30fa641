// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/capture_arguments.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <optional>

#include "capture/verbs/kernel_source.h"
#include "capture/verbs/machine_options.h"
#include "schema/base/command_line.h"
#include "schema/base/exit_code.h"

namespace ktape {

namespace {

constexpr uint64_t kMegabyte = 1000000;

constexpr char kDescription[] =
    "Boots a kernel in a guest, runs a scenario there, and records all of it on one tape.";

constexpr char kFooter[] = R"(Examples:
  ktape capture cold_path_roundtrip -o run.ktape
  ktape capture my.scenario --kernel 7.3.4
  ktape capture my.scenario --topology sockets=2,cores=2,threads=2,numaNodes=2
  ktape capture my.scenario --freeze-on symbol:sched_setscheduler*3 --freeze-every 500
  ktape capture my.scenario --freeze-on symbol:schedule*50@attach
  ktape capture my.scenario --kernel ~/linux/arch/x86/boot/bzImage
  ktape capture my.scenario --scheduler './scx_mine --slice 5000'

SIGUSR1 freezes once, on demand; SIGINT and SIGTERM end the run and seal the tape.
While it records the tape is 'run.ktape.partial'; 'run.ktape' exists once it is sealed.
Exit status: 0 completed; 1 sealed with another outcome, or --fail-on-eject; 2 usage or scenario;
3 unusable kernel; 4 the host lacks something, or the machine was lost)";

// The command line as it was typed: what has another form in CaptureOptions.
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
  return MemoryMode::SCHED;
}

const char* accelerator_name(Accelerator accelerator) {
  switch (accelerator) {
    case Accelerator::kKvm: return "kvm";
    case Accelerator::kTcg: return "tcg";
    case Accelerator::kAuto: return "auto";
  }
  return "auto";
}

Accelerator accelerator_of(const std::string& name) {
  for (const Accelerator accelerator : {Accelerator::kKvm, Accelerator::kTcg}) {
    if (name == accelerator_name(accelerator)) return accelerator;
  }
  return Accelerator::kAuto;
}

// `asked` outlives the parsing. Options are listed by --help in the order in which they are added.
void add_run_options(CommandLine& program, Asked& asked) {
  program.add("SCENARIO", asked.options.scenario, "A scenario file, or the name of one that ships")
      .required();
  program.add("-o,--output", asked.options.output,
              "The tape to write; default: the scenario's name, .ktape");
  program
      .add("-k,--kernel", asked.options.kernel,
           "A version from the cache ('tools/kernel list'), or the path of a bzImage or vmlinux")
      .shows_default(kDefaultKernelText);
}

void add_machine_options(CommandLine& program, Asked& asked) {
  const Option cpus_option =
      program
          .add("--cpus", asked.cpus,
               "So many vCPUs in one socket, instead of the scenario's machine")
          .range(1, kMaxCpus);
  program
      .add("--topology", asked.topology,
           R"(Sockets, cores of a socket, threads of a core, LLCs and NUMA nodes, instead of the
scenario's: sockets=2,cores=4,threads=2,llcs=4,numaNodes=2)")
      .excludes(cpus_option);
  program.add("--memory-mb", asked.memory_mb, "MiB of RAM, instead of the scenario's")
      .range(kMinMemoryMb, kMaxMemoryMb);
}

void add_guest_options(CommandLine& program, Asked& asked) {
  asked.scheduler =
      program
          .add("--scheduler", asked.options.guest.scheduler,
               R"(A scheduler's command, 'PROGRAM ARGUMENTS', instead of the scenario's scheduler.
Words are quoted as for a shell; none is run)")
          .value_name("COMMAND");
  program
      .add(
          "--scheduler-dir", asked.options.guest.scheduler_folders,
          R"(Look for a scheduler's program here, before the scenario's folder and PATH; more than once
for several)")
      .value_name("DIR")
      .repeated();
  program
      .add(
          "--overlay", asked.options.guest.overlays,
          R"(Give the guest the files in this folder, and what programs among them need of this host; more
than once for several)")
      .value_name("DIR")
      .repeated();
}

void add_accelerator_options(CommandLine& program, Asked& asked) {
  program
      .add("--accel", asked.accelerator,
           "kvm, tcg, or auto: kvm where it can run a kernel, else tcg")
      .one_of({"auto", "kvm", "tcg"})
      .shows_default();
  program.add_flag(
      "--tcg-single-thread", asked.options.tcg_single_thread,
      R"(Without KVM: emulate all vCPUs in one thread, for guests that attach schedulers by the hundred.
In one of QEMU's threads for each, such a guest has died of an int3 where its kernel patches code)");
}

void add_kernel_options(CommandLine& program, Asked& asked) {
  program
      .add("--memory", asked.memory,
           R"(What to keep of the guest's memory at each freeze, as it was before ops wrote.
sched: runqueues, tasks, the scheduler, its queues and BPF maps, and what ops touched;
touched: what ops touched; full: all of it, tens of MB; none)")
      .one_of({"sched", "touched", "full", "none"})
      .shows_default();
  program.add_flag("--no-kaslr", asked.no_kaslr,
                   "Boot the unpacked vmlinux: faster, and its addresses are those of the image");
  program.add_flag(
      "--fast-boot", asked.options.fast_boot,
      R"(Leave out slow initcalls: the keys of module signatures, a generator of random numbers.
This changes the kernel under test; the tape says so)");
  program.add("--append", asked.options.extra_arguments,
              "More arguments for the guest kernel's command line");
}

void add_freeze_options(CommandLine& program, Asked& asked) {
  program.add("--freeze-on", asked.options.freeze_on, kFreezeOnHelp).repeated();
  program
      .add(
          "--freeze-every", asked.every_ms,
          R"(Freeze every so many ms, from the first step to the last's end. An interval whose end comes
while the freeze before is recorded, or too soon after it, is skipped, and counted.
Under KVM the guest is told of each freeze, and its kernel watches for lock-ups anew: with
intervals below its thresholds (20 s for soft lock-ups, 21 s for RCU stalls unless it was told
otherwise) it never tells of one. sched_ext's own watchdog is not reset)")
      .range(1, 86400000);
}

void add_ending_options(CommandLine& program, Asked& asked) {
  program.add_flag(
      "--fail-on-eject", asked.options.fail_on_eject,
      "Exit with status 1 when the kernel has ejected a scheduler, also if the run completed");
  program
      .add("--max-tape", asked.max_tape_mb,
           "End the run, as failed by the host, when its tape takes this many MB")
      .range(1, int64_t{1} << 40)
      .shows_default();
  program.add("--qemu", asked.options.qemu_program, "The QEMU program").shows_default();
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
  if (asked.scheduler->count() > 0 && options.guest.scheduler.empty()) {
    return Error{ErrorCode::kUsage, "--scheduler: the command is empty",
                 "leave it out to run the scenario's own scheduler"};
  }
  if (!asked.topology.empty()) {
    const Result<MachineShape> shape = parse_topology(asked.topology);
    if (!shape.ok())
      return Error{ErrorCode::kUsage, "--topology: " + shape.error().message, shape.error().hint};
    options.machine.shape = *shape;
  }
  if (asked.cpus != 0) options.machine.shape = MachineShape{.cpus = asked.cpus};
  if (asked.memory_mb != 0) options.machine.memory_mb = asked.memory_mb;
  options.kaslr = !asked.no_kaslr;
  options.max_tape_bytes = asked.max_tape_mb * kMegabyte;
  options.freeze_every = std::chrono::milliseconds(asked.every_ms);
  options.accelerator = accelerator_of(asked.accelerator);
  options.memory = memory_mode(asked.memory);
  return options;
}

// Words in the making. What begins with '-' would be taken for an option where it stands alone.
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
    if (options->kernel.empty()) options->kernel = default_kernel();
    return std::move(options).value();
  }
  return program.end(options.error());
}

std::vector<std::string> capture_option_names() {
  Asked asked;
  Program program(kCaptureProgram, kDescription, kFooter);
  add_options(program, asked);
  return program.option_names();
}

std::vector<std::string> capture_words(const CaptureOptions& options) {
  const CaptureOptions usual;
  Words words;
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
  // A scenario whose name begins with '-' is a path all the same.
  words.argument((options.scenario.starts_with('-') ? "./" : "") + options.scenario);
  return words.take();
}

}  // namespace ktape
