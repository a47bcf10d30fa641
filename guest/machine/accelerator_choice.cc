// SPDX-License-Identifier: Apache-2.0
// QemuMachine::start(): whether a machine runs under KVM or TCG.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "guest/machine/qemu_arguments.h"
#include "guest/machine/qemu_machine.h"

namespace ktape {

namespace {

Error cannot_use_kvm(std::string_view cause) {
  return Error{ErrorCode::kHost, fmt::format("cannot run the kernel under KVM: {}", cause),
               "use --accel tcg or auto; run `ktape doctor` to check this host"};
}

// Checked before QEMU starts: QEMU would report a missing kernel only on its stderr, after the
// machine's memory has been allocated.
Result<void> check_readable(std::string_view what, const std::string& path) {
  if (::access(path.c_str(), R_OK) == 0) return {};
  return system_error(ErrorCode::kNotFound, fmt::format("cannot read the {} '{}'", what, path));
}

// Separates a host without a usable device, which is decided at once, from a KVM that opens but
// cannot run the kernel, which only a boot shows.
Result<void> check_kvm_device() {
  UniqueFd kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm.valid()) return system_error(ErrorCode::kHost, "cannot open '/dev/kvm'");
  return {};
}

}  // namespace

Result<std::unique_ptr<QemuMachine>> QemuMachine::start(const MachineConfig& config) {
  KTAPE_TRY(check_config(config));
  KTAPE_TRY(check_readable("kernel", config.kernel_path));
  if (!config.initramfs_path.empty()) KTAPE_TRY(check_readable("initramfs", config.initramfs_path));
  if (config.accelerator == Accelerator::kTcg) return launch(config, Accelerator::kTcg);
  if (config.accelerator == Accelerator::kKvm) return start_with_kvm(config, config.kvm_must_print);

  // `auto` always asks for proof. A KVM that accepts the guest and never runs it looks healthy to
  // QEMU: some hosts have such a /dev/kvm.
  auto machine = start_with_kvm(config, true);
  std::string reason = machine.ok() ? "the kernel runs under KVM" : machine.error().message;
  if (!machine.ok()) machine = launch(config, Accelerator::kTcg);
  if (!machine.ok()) {
    Error error = machine.error();
    // One cause is often that of both, such as a QEMU that is not there.
    if (reason.find(error.message) == std::string::npos)
      error.message = reason + "; and under TCG: " + error.message;
    return error;
  }
  machine.value()->facts_.accelerator_reason = std::move(reason);
  return machine;
}

Result<std::unique_ptr<QemuMachine>> QemuMachine::start_with_kvm(const MachineConfig& config,
                                                                 bool proof_needed) {
  if (auto device = check_kvm_device(); !device.ok()) return cannot_use_kvm(device.error().message);
  // A failure here destroys the KVM machine, and its RAM with it, before a TCG machine is launched.
  auto machine = launch(config, Accelerator::kKvm);
  if (!machine.ok()) return cannot_use_kvm(machine.error().message);
  auto proof = machine.value()->prove_kernel_runs(proof_needed);
  if (!proof.ok()) return cannot_use_kvm(proof.error().message);
  return machine;
}

const char* accelerator_name(Accelerator accelerator) {
  switch (accelerator) {
    case Accelerator::kKvm: return "kvm";
    case Accelerator::kTcg: return "tcg";
    case Accelerator::kAuto: return "auto";
  }
  return "auto";
}

}  // namespace ktape
