// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/qemu_arguments.h"

#include <fmt/format.h>

#include <utility>

#include "schema/wire/frame.h"

namespace ktape {

namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kMinMemoryBytes = 64 * kMiB;
constexpr uint32_t kMaxCpus = 255;  // q35 without an interrupt remapper

std::string socket(std::string_view id, int fd) { return fmt::format("socket,id={},fd={}", id, fd); }

}  // namespace

std::string QemuVersion::text() const {
  std::string plain = fmt::format("QEMU {}.{}.{}", major, minor, micro);
  return package.empty() ? plain : fmt::format("{} ({})", plain, package);
}

Result<void> check_config(const MachineConfig& config) {
  if (config.cpus == 0 || config.cpus > kMaxCpus) {
    return Error{ErrorCode::kUsage,
                 fmt::format("cannot make a machine of {} CPUs: 1 to {} are possible", config.cpus, kMaxCpus),
                 ""};
  }
  if (config.memory_bytes < kMinMemoryBytes || config.memory_bytes % kMiB != 0) {
    return Error{ErrorCode::kUsage,
                 fmt::format("cannot make a machine of {} bytes of memory: it takes a multiple of 1 MiB, "
                             "64 MiB at least",
                             config.memory_bytes),
                 ""};
  }
  if (config.kernel_path.empty()) {
    return Error{ErrorCode::kUsage, "cannot make a machine without a kernel", ""};
  }
  return {};
}

Result<void> check_version(const QemuVersion& version, Accelerator used) {
  if (used == Accelerator::kKvm || version.major >= kMinTcgMajor) return {};
  return Error{ErrorCode::kHost,
               fmt::format("cannot use {} without KVM: before QEMU {} multi-threaded TCG corrupts guests "
                           "that patch their own code, as attaching a scheduler does",
                           version.text(), kMinTcgMajor),
               "run tools/setup"};
}

std::vector<std::string> qemu_arguments(const MachineConfig& config, Accelerator used) {
  using Fd = QemuDescriptors;
  bool kvm = used == Accelerator::kKvm;
  uint64_t memory_mib = config.memory_bytes / kMiB;
  std::vector<std::string> arguments = {"-nodefaults", "-no-user-config", "-no-reboot", "-S"};
  auto add = [&](std::string option, std::string value) {
    arguments.push_back(std::move(option));
    arguments.push_back(std::move(value));
  };
  add("-display", "none");
  // Nothing hangs on the SATA and SMBus controllers that q35 brings along.
  add("-machine", "q35,memory-backend=ram,sata=off,smbus=off,vmport=off");
  add("-accel", kvm ? "kvm" : "tcg,thread=multi");
  // TCG would offer 57-bit addresses, and the kernel would take them: most hosts have 4 paging levels.
  add("-cpu", kvm ? "host" : "max,la57=off");
  add("-smp", fmt::format("cpus={0},sockets=1,cores={0},threads=1", config.cpus));
  add("-m", fmt::format("size={}M", memory_mib));
  add("-object", fmt::format("memory-backend-file,id=ram,share=on,size={}M,mem-path=/proc/self/fd/{}",
                             memory_mib, Fd::kRam));
  add("-chardev", socket("qmp", Fd::kQmp));
  add("-mon", "chardev=qmp,mode=control");
  add("-chardev", socket("gdb", Fd::kGdb));
  add("-gdb", "chardev:gdb");
  // A pipe, opened by its name: a socket holds only some 300 of the serial port's writes of one byte.
  add("-chardev", fmt::format("file,id=console,path=/proc/self/fd/{}", Fd::kConsole));
  add("-serial", "chardev:console");
  add("-chardev", socket("agent", Fd::kAgent));
  add("-device", "virtio-serial-pci,id=ports");
  // Port 0 belongs to a virtio console.
  add("-device", fmt::format("virtserialport,bus=ports.0,nr=1,chardev=agent,name={}", kAgentPortName));
  add("-kernel", config.kernel_path);
  if (!config.initramfs_path.empty()) add("-initrd", config.initramfs_path);
  if (!config.command_line.empty()) add("-append", config.command_line);
  return arguments;
}

}  // namespace ktape
