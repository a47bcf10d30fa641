// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/session.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

#include "capture/record/recorder.h"
#include "capture/run/boot_deadline.h"
#include "capture/run/load_failure.h"
#include "capture/verbs/capture_arguments.h"
#include "capture/verbs/checkout.h"
#include "capture/verbs/frozen_share.h"
#include "capture/verbs/kernel_command_line.h"
#include "capture/verbs/kernel_source.h"
#include "capture/verbs/scenario_check.h"
#include "capture/verbs/scenario_source.h"
#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/kernel_config.h"
#include "guest/machine/host_processor.h"
#include "guest/machine/qemu_machine.h"
#include "schema/base/digest.h"
#include "schema/base/file.h"
#include "schema/scenario/load.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxInitramfsBytes = size_t{256} << 20;
constexpr size_t kMaxConfigBytes = size_t{4} << 20;
constexpr size_t kMaxListedFiles = 1000;

// Everything that a run needs, read and checked.
struct Prepared {
  LoadedScenario scenario;
  KernelSource source;
  std::vector<std::byte> config;  // the kernel's full configuration; empty if not available
  KernelImage image;
  std::shared_ptr<const KernelKnowledge> knowledge;
  std::string initramfs_path;
  Digest initramfs_digest{};
  GuestPack guest;
  Checkout checkout;  // the checkout that contains the guest's scheduler
  UniqueFd initrd;    // the initramfs and the guest's files, if it has any
  std::string output;
  // Kept open for the run: QEMU reads it through its path in /proc.
  UniqueFd vmlinux;  // the unpacked kernel, if that is what boots
  FreezePlan freezes;
  std::vector<std::string> frozen_shares;  // lines
};

// The image's bytes are given up here: what is not needed of them is freed before the guest starts.
Result<std::shared_ptr<const KernelKnowledge>> learn(const KernelSource& source,
                                                     PageBuffer vmlinux) {
  auto knowledge = learn_kernel(std::move(vmlinux));
  if (knowledge.ok()) return knowledge;
  const Error& error = knowledge.error();
  return Error{error.code, "kernel '" + source.path + "' is not usable: " + error.message,
               error.hint};
}

// From the image itself, else from the file beside it; empty if neither has it.
Result<std::vector<std::byte>> whole_config(const KernelSource& source, const KernelImage& image) {
  if (auto own = config_in({image.vmlinux.data(), image.vmlinux.size()})) return std::move(*own);
  if (source.config_path.empty()) return std::vector<std::byte>();
  return read_file(source.config_path, kMaxConfigBytes);
}

Result<void> give_config(Prepared& prepared) {
  const std::string known = known_config(*prepared.knowledge);
  const std::vector<std::byte>& whole = prepared.config;
  return add_kernel_config(prepared.guest, prepared.knowledge->release,
                           whole.empty() ? as_bytes(known) : std::span<const std::byte>(whole));
}

Result<Prepared> prepare(const CaptureOptions& options) {
  KTAPE_ASSIGN(std::string scenario_path, find_scenario(options.scenario));
  KTAPE_ASSIGN(LoadedScenario scenario, load_scenario(scenario_path, options.machine));
  KTAPE_ASSIGN(std::vector<std::string> shares, frozen_shares(scenario, options.memory));
  // Before the kernel is looked for: a scheduler that cannot run is the likelier mistake, and is
  // found faster.
  KTAPE_ASSIGN(GuestPack guest, pack_guest(scenario, options.guest));
  KTAPE_ASSIGN(KernelSource source, find_kernel(options.kernel));
  KTAPE_ASSIGN(KernelImage image, load_kernel_image(source.path));
  UniqueFd vmlinux;
  // Before learn() below, which takes the bytes.
  if (!options.kaslr && image.is_bzimage) {
    KTAPE_ASSIGN(vmlinux, memory_file("vmlinux", {image.vmlinux}));
  }
  KTAPE_ASSIGN(std::vector<std::byte> config, whole_config(source, image));
  KTAPE_ASSIGN(std::shared_ptr<const KernelKnowledge> knowledge,
               learn(source, std::move(image.vmlinux)));
  Prepared prepared{.scenario = std::move(scenario),
                    .source = std::move(source),
                    .config = std::move(config),
                    .image = std::move(image),
                    .knowledge = std::move(knowledge),
                    .guest = std::move(guest),
                    .vmlinux = std::move(vmlinux),
                    .frozen_shares = std::move(shares)};
  // A kernel without sched_ext is refused here and not by the guest, minutes later.
  KTAPE_TRY(check_sched_ext(prepared.scenario.get(), *prepared.knowledge));
  KTAPE_TRY(give_config(prepared));
  KTAPE_TRY(check_scenario_ops(prepared.scenario, *prepared.knowledge));
  KTAPE_ASSIGN(prepared.freezes, plan_freezes(options.freeze_on, options.freeze_every,
                                              *prepared.knowledge, prepared.scenario));
  if (prepared.guest.scheduler) {
    std::error_code ignored;
    // The program itself may be a link into a build folder.
    const fs::path real = fs::canonical(prepared.guest.scheduler->path, ignored);
    prepared.checkout = checkout_of(real.parent_path());
  }

  KTAPE_ASSIGN(std::string data, data_folder());
  prepared.initramfs_path = data + "/initramfs.cpio.zst";
  KTAPE_ASSIGN(std::vector<std::byte> initramfs,
               read_file(prepared.initramfs_path, kMaxInitramfsBytes));
  // Of the shipped initramfs; the guest's own files have a digest of their own.
  prepared.initramfs_digest = sha256(initramfs);
  if (!prepared.guest.archive.empty()) {
    KTAPE_ASSIGN(prepared.initrd, make_initrd(initramfs, prepared.guest));
  }
  prepared.output = options.output.empty()
                        ? std::string(prepared.scenario.get().getName().cStr()) + ".ktape"
                        : options.output;
  return prepared;
}

MachineConfig machine_config(const CaptureOptions& options, const Prepared& prepared) {
  MachineConfig config;
  auto spec = prepared.scenario.get().getMachine();
  config.accelerator = options.accelerator;
  config.tcg_single_thread = options.tcg_single_thread;
  config.cpus = spec.getCpus();
  config.sockets = spec.getSockets();
  config.threads = spec.getThreads();
  config.llcs = spec.getLlcs();
  config.numa_nodes = spec.getNumaNodes();
  config.memory_bytes = uint64_t{spec.getMemoryMb()} << 20;
  const auto path_of = [](const UniqueFd& fd, const std::string& otherwise) {
    // By our own pid: QEMU is another process, and inherits no descriptor for these.
    return fd.valid() ? fmt::format("/proc/{}/fd/{}", ::getpid(), fd.get()) : otherwise;
  };
  config.kernel_path = path_of(prepared.vmlinux, prepared.source.path);
  config.initramfs_path = path_of(prepared.initrd, prepared.initramfs_path);
  config.command_line = kernel_command_line({options.fast_boot, options.extra_arguments});
  config.qemu_program = options.qemu_program;
  return config;
}

schema::Accelerator record_accelerator(Accelerator accelerator) {
  switch (accelerator) {
    case Accelerator::kKvm: return schema::Accelerator::KVM;
    case Accelerator::kTcg: return schema::Accelerator::TCG;
    case Accelerator::kAuto: return schema::Accelerator::AUTO;
  }
  return schema::Accelerator::NOT_SAID;
}

std::string host_kernel() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "";
}

void write_host(const HostProcessor& from, schema::HostProcessor::Builder to) {
  to.setKnown(from.known);
  to.setHypervisor(from.hypervisor);
  to.setHypervisorName(as_data(from.hypervisor_name));
  to.setVendor(as_data(from.vendor));
  to.setKvmNested(as_data(from.kvm_nested));
  to.setCpus(from.cpus);
}

void write_run_started(const CaptureOptions& options, const Prepared& prepared,
                       const MachineConfig& config, const MachineFacts& facts,
                       schema::RunStarted::Builder run) {
  run.setKtapeVersion(KTAPE_VERSION);
  const HostProcessor host = host_processor();
  run.setHostCpu(as_data(host.model));
  write_host(host, run.initHostProcessor());
  run.setHostKernel(as_data(host_kernel()));
  run.setAcceleratorAsked(record_accelerator(options.accelerator));
  run.setAcceleratorUsed(record_accelerator(facts.accelerator_used));
  run.setAcceleratorReason(facts.accelerator_reason);
  run.setQemuVersion(as_data(facts.emulator_version));
  auto arguments = run.initQemuArguments(static_cast<unsigned>(facts.emulator_arguments.size()));
  for (unsigned i = 0; i < arguments.size(); ++i) arguments.set(i, facts.emulator_arguments[i]);
  run.setCpus(config.cpus);
  run.setSockets(config.sockets);
  run.setCores(config.cpus / config.sockets / config.threads);
  run.setThreads(config.threads);
  run.setLlcs(config.llcs);
  run.setNumaNodes(config.numa_nodes);
  run.setMemoryBytes(config.memory_bytes);
  run.setKernelImage(prepared.source.asked);
  run.setKernelImageDigest(as_data(std::span<const std::byte>(prepared.image.file_digest)));
  run.setKernelCommandLine(config.command_line);
  run.setInitramfsDigest(as_data(std::span<const std::byte>(prepared.initramfs_digest)));
  run.setScenario(prepared.scenario.get());
  run.setScenarioText(prepared.scenario.text());
  run.setWallClockNs(static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                               std::chrono::system_clock::now().time_since_epoch())
                                               .count()));
  run.setFastBoot(options.fast_boot);
  const bool kvm = facts.accelerator_used == Accelerator::kKvm;
  // Only on a KVM host that is no guest itself does a time on this tape mean anything.
  run.setTimeIsReal(kvm && host.known && !host.hypervisor);
  // QEMU's kvmclock issues KVM_KVMCLOCK_CTRL for each vCPU when the machine continues
  // (hw/i386/kvm/clock.c).
  run.setFreezesResetWatchdogs(kvm);
  run.setMemoryMode(options.memory);
}

void write_what_was_asked(const CaptureOptions& options, schema::RunStarted::Builder run) {
  const std::vector<std::string> words = capture_words(options);
  auto arguments = run.initArguments(static_cast<unsigned>(words.size()));
  for (unsigned i = 0; i < arguments.size(); ++i) arguments.set(i, words[i]);
  std::error_code ignored;
  run.setWorkingFolder(fs::current_path(ignored).string());
}

void write_scheduler(const SchedulerProgram& scheduler, const Checkout& checkout,
                     schema::TestedProgram::Builder program) {
  program.setPath(scheduler.path);
  program.setDigest(as_data(std::span<const std::byte>(scheduler.digest)));
  program.setBuildId(as_data(std::span<const std::byte>(scheduler.build_id)));
  program.setCheckout(checkout.state);
  program.setCommit(checkout.commit);
  program.setCheckoutFolder(checkout.folder);
  program.setReason(checkout.reason);
  program.setUntracked(checkout.untracked);
}

void write_guest_files(const GuestPack& guest, schema::RunStarted::Builder run) {
  if (guest.archive.empty()) return;
  const size_t listed = std::min(guest.files.size(), kMaxListedFiles);
  auto files = run.initGuestFiles(static_cast<unsigned>(listed));
  for (unsigned i = 0; i < listed; ++i) {
    files[i].setPath(guest.files[i].path);
    files[i].setBytes(guest.files[i].bytes);
    files[i].setDigest(as_data(std::span<const std::byte>(guest.files[i].digest)));
  }
  run.setGuestFilesDigest(as_data(std::span<const std::byte>(guest.archive_digest)));
  run.setGuestFilesLeftOut(static_cast<uint32_t>(guest.files.size() - listed));
}

void write_freezes(const FreezePlan& freezes, schema::RunStarted::Builder run) {
  run.setFreezeEveryMs(static_cast<uint64_t>(freezes.every.count()));
  auto triggers = run.initFreezeTriggers(static_cast<unsigned>(freezes.triggers.size()));
  for (unsigned i = 0; i < triggers.size(); ++i) {
    triggers[i].setName(freezes.triggers[i].name);
    triggers[i].setFunction(freezes.triggers[i].function);
    triggers[i].setTimes(freezes.triggers[i].times);
    triggers[i].setArming(freezes.triggers[i].arming);
    triggers[i].setStep(freezes.triggers[i].step);
  }
}

Result<void> keep_blobs(Recorder& recorder, const Prepared& prepared) {
  // BTF and symbols make the tape readable without the kernel; see restore_kernel().
  KTAPE_TRY(recorder.add_blob("btf", prepared.knowledge->btf_raw));
  const std::string symbols = prepared.knowledge->symbols.text();
  KTAPE_TRY(recorder.add_blob("symbols", as_bytes(symbols)));
  if (!prepared.config.empty()) KTAPE_TRY(recorder.add_blob("config", prepared.config));
  return recorder.commit();
}

// The agent cannot preempt these workers. If they occupy every CPU and do not sleep, it is silent.
void warn_of_starvation(schema::Scenario::Reader scenario, Progress& progress) {
  for (schema::Worker::Reader worker : scenario.getWorkers()) {
    const bool realtime =
        worker.getPolicy() == schema::Policy::FIFO || worker.getPolicy() == schema::Policy::RR;
    if (!realtime || worker.getPriority() < scenario.getAgentPriority()) continue;
    progress.say(fmt::format(
        "worker '{}' has real-time priority {} and may starve the agent, which has priority {}",
        worker.getName().cStr(), worker.getPriority(), scenario.getAgentPriority()));
    return;
  }
}

Result<CaptureResult> record_run(const CaptureOptions& options, const Prepared& prepared,
                                 const MachineConfig& config, Machine& machine, Recorder& recorder,
                                 Progress& progress, const UserSignals& signals) {
  // First of all records: everything else on a tape is read with it.
  const MachineFacts& facts = machine.facts();
  KTAPE_TRY(recorder.record([&](schema::Record::Builder record) {
    write_run_started(options, prepared, config, facts, record.initRunStarted());
    write_guest_files(prepared.guest, record.getRunStarted());
    write_freezes(prepared.freezes, record.getRunStarted());
    write_what_was_asked(options, record.getRunStarted());
    if (prepared.guest.scheduler) {
      write_scheduler(*prepared.guest.scheduler, prepared.checkout,
                      record.getRunStarted().initSchedulerProgram());
    }
  }));
  // What is known by now must reach the tape even if the blobs do not fit on the disk.
  KTAPE_TRY(recorder.commit());
  KTAPE_TRY(keep_blobs(recorder, prepared));  // while the guest boots
  const Digest program = prepared.guest.scheduler ? prepared.guest.scheduler->digest : Digest{};
  Engine engine(machine, recorder, progress, prepared.knowledge, prepared.scenario.get(),
                options.memory, prepared.freezes, program);
  KTAPE_ASSIGN(RunEnd end, engine.run(signals));
  // Appended to the outcome, because the agent's words are the program's and do not explain the
  // kernel.
  if (end.outcome == schema::Outcome::SCENARIO_FAILED && prepared.guest.scheduler) {
    end.detail += explain_load_failure(end.detail, *prepared.knowledge, !prepared.config.empty());
  }
  progress.now("sealing");
  KTAPE_ASSIGN(SealedTape tape,
               recorder.seal(end.outcome, end.exit_code, end.detail, end.triggers, end.intervals));
  return CaptureResult{std::move(end), std::move(tape)};
}

}  // namespace

Result<CaptureResult> capture(const CaptureOptions& options, Progress& progress,
                              const UserSignals& signals) {
  KTAPE_ASSIGN(Prepared prepared, prepare(options));
  // The name is claimed before the machine starts: a run whose tape cannot be written must not take
  // place.
  KTAPE_ASSIGN(std::unique_ptr<TapeWriter> writer, TapeWriter::create(prepared.output));
  MachineConfig config = machine_config(options, prepared);
  Recorder recorder(*writer, options.max_tape_bytes);
  for (const std::string& note : prepared.guest.notes) progress.say(note);
  for (const std::string& line : prepared.frozen_shares) progress.say(line);
  Result<std::unique_ptr<QemuMachine>> machine = QemuMachine::start(config);
  if (!machine.ok()) {
    // Nothing was recorded yet, so no file is left.
    writer->discard();
    return machine.error();
  }
  const MachineFacts& facts = (*machine)->facts();
  progress.say(fmt::format("{} on {}, {} vCPUs, {} MiB, {}", prepared.knowledge->release,
                           facts.emulator_version, config.cpus, config.memory_bytes >> 20,
                           accelerator_name(facts.accelerator_used)));
  if (!facts.accelerator_reason.empty()) {
    progress.say(fmt::format("using {}: {}", accelerator_name(facts.accelerator_used),
                             facts.accelerator_reason));
  }
  // The tape records the deadline that was applied. Before RunStarted is recorded, which has the
  // whole scenario.
  if (auto scenario = prepared.scenario.edit(); scenario.getBootDeadlineMs() == 0) {
    const auto deadline = default_boot_deadline(config.cpus, facts.accelerator_used);
    scenario.setBootDeadlineMs(static_cast<uint32_t>(deadline.count()));
  }
  warn_of_starvation(prepared.scenario.get(), progress);
  Result<CaptureResult> result =
      record_run(options, prepared, config, **machine, recorder, progress, signals);
  if (!result.ok()) {
    Error error = result.error();
    const std::string& partial = writer->partial_path();
    // A tape that was sealed after all, or never begun, has no such file.
    if (!fs::exists(partial)) return error;
    error.message += "; the unsealed tape is '" + partial + "'";
    if (error.hint.empty())
      error.hint = "run 'ktape verify " + partial +
                   " --salvage OUT' on a disk with free space to recover it";
    return error;
  }
  return result;
}

}  // namespace ktape
