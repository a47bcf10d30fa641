// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/qemu_arguments.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "schema/wire/frame.h"

namespace ktape {

namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kMinMemoryBytes = 64 * kMiB;
constexpr uint32_t kMaxCpus = 255;  // q35 without an interrupt remapper

using Add = std::function<void(std::string option, std::string value)>;

std::string socket(std::string_view id, int fd) {
  return fmt::format("socket,id={},fd={}", id, fd);
}

// An LLC narrower than a socket needs dies: QEMU gives each die its own L3.
uint32_t dies_per_socket(const MachineConfig& config) { return config.llcs / config.sockets; }

// Numbers that do not divide evenly would leave QEMU to round, and the tape would name another
// topology than the guest has.
bool shares_evenly(const MachineConfig& config) {
  const uint32_t parts = config.sockets * config.threads;
  if (parts == 0 || config.numa_nodes == 0 || config.llcs == 0 || config.cpus % parts != 0)
    return false;
  if (config.llcs % config.sockets != 0 || config.llcs % config.numa_nodes != 0) return false;
  return (config.cpus / parts) % dies_per_socket(config) == 0 &&
         config.memory_bytes / kMiB % config.numa_nodes == 0;
}

std::string cpu_model(const MachineConfig& config, bool kvm, bool host_is_amd) {
  // With the host's own cache info, caches would be shared as on the host, not as in the guest's
  // topology. AMD's cache sharing leaf needs topoext, which QEMU omits unless asked.
  if (kvm) return host_is_amd ? "host,host-cache-info=off,topoext=on" : "host,host-cache-info=off";
  // TCG would offer 57-bit addresses and the kernel would use them, unlike on most hosts, which
  // have 4 paging levels.
  std::string model = "max,la57=off";
  // QEMU's CPU under TCG is an AMD without topoext, so kernels see one LLC per socket; Intel's leaf
  // 4 shows more. A leaf out of range answers like the last one, and QEMU 10.0 aborts if that is
  // 0x1f with an invalid sub-leaf (encode_topo_cpuid1f in target/i386/cpu.c), so make 0x20 the
  // last.
  if (dies_per_socket(config) > 1) model += ",vendor=GenuineIntel,min-level=0x20";
  return model;
}

std::string smp(const MachineConfig& config) {
  const uint32_t dies = dies_per_socket(config);
  const uint32_t cores = config.cpus / config.sockets / config.threads / dies;
  return fmt::format("cpus={},sockets={},{}cores={},threads={}", config.cpus, config.sockets,
                     dies > 1 ? fmt::format("dies={},", dies) : "", cores, config.threads);
}

// One file for the RAM of all nodes, in QEMU's order of guest-physical addresses: nodes follow each
// other in it, so the layout of FlatMemory holds whatever their number.
void add_memory(const MachineConfig& config, const Add& add) {
  const uint64_t node_mib = config.memory_bytes / kMiB / config.numa_nodes;
  const std::string file = fmt::format("mem-path=/proc/self/fd/{}", QemuDescriptors::kRam);
  add("-m", fmt::format("size={}M", config.memory_bytes / kMiB));
  if (config.numa_nodes == 1) {
    add("-object", fmt::format("memory-backend-file,id=ram,share=on,size={}M,{}", node_mib, file));
    return;
  }
  // QEMU numbers CPUs socket by socket, so consecutive numbers keep an LLC in one node.
  const uint32_t node_cpus = config.cpus / config.numa_nodes;
  for (uint32_t node = 0; node < config.numa_nodes; ++node) {
    add("-object", fmt::format("memory-backend-file,id=ram{},share=on,size={}M,{},offset={}M", node,
                               node_mib, file, node * node_mib));
    add("-numa", fmt::format("node,nodeid={0},memdev=ram{0},cpus={1}-{2}", node, node * node_cpus,
                             (node + 1) * node_cpus - 1));
  }
}

}  // namespace

std::string QemuVersion::text() const {
  std::string plain = fmt::format("QEMU {}.{}.{}", major, minor, micro);
  return package.empty() ? plain : fmt::format("{} ({})", plain, package);
}

Result<void> check_config(const MachineConfig& config) {
  if (config.cpus == 0 || config.cpus > kMaxCpus) {
    return Error{
        ErrorCode::kUsage,
        fmt::format("cannot make a machine of {} CPUs: 1 to {} are allowed", config.cpus, kMaxCpus),
        ""};
  }
  if (config.memory_bytes < kMinMemoryBytes || config.memory_bytes % kMiB != 0) {
    return Error{
        ErrorCode::kUsage,
        fmt::format("cannot make a machine of {} bytes of memory: it must be a multiple of 1 MiB, "
                    "and at least 64 MiB",
                    config.memory_bytes),
        ""};
  }
  if (!shares_evenly(config)) {
    return Error{
        ErrorCode::kUsage,
        fmt::format(
            "cannot make a machine of {} CPUs, {} sockets, {} threads per core, {} LLCs, {} NUMA "
            "nodes and {} MiB: they do not divide evenly",
            config.cpus, config.sockets, config.threads, config.llcs, config.numa_nodes,
            config.memory_bytes / kMiB),
        ""};
  }
  if (config.kernel_path.empty()) {
    return Error{ErrorCode::kUsage, "cannot make a machine without a kernel", ""};
  }
  return {};
}

Result<void> check_version(const QemuVersion& version, Accelerator used) {
  if (used == Accelerator::kKvm || version.major >= kMinTcgMajor) return {};
  return Error{
      ErrorCode::kHost,
      fmt::format("cannot use {} without KVM: before QEMU {}, multi-threaded TCG corrupts guests "
                  "that patch their own code, as attaching a scheduler does",
                  version.text(), kMinTcgMajor),
      "install QEMU 10 or later; on Debian 12: apt install -t bookworm-backports qemu-system-x86"};
}

std::vector<std::string> qemu_arguments(const MachineConfig& config, Accelerator used,
                                        bool host_is_amd) {
  using Fd = QemuDescriptors;
  bool kvm = used == Accelerator::kKvm;
  // -nodefaults: no display, network card, drives or floppy, only the devices a guest uses. -S: the
  // machine must not run before its memory is mapped and the gdbstub is connected. -no-reboot: a
  // kernel that resets itself (panic=-1) ends QEMU, which is the event that the run waits for.
  std::vector<std::string> arguments = {"-nodefaults", "-no-user-config", "-no-reboot", "-S"};
  auto add = [&](std::string option, std::string value) {
    arguments.push_back(std::move(option));
    arguments.push_back(std::move(value));
  };
  add("-display", "none");
  // What each option saves at boot, and what else was tried: tools/bench --curves --only
  // boot-options-machine, and tools/benchmarks/README.md.
  //
  // q35: boots about 0.1 s slower than pc. microvm saves 0.2 s under TCG, but has to be told the
  // host's clock. sata=off, smbus=off, vmport=off: removes devices that the guest does not use; the
  // time saved is within noise. With several nodes, each has its own memory backend.
  add("-machine", fmt::format("q35{},sata=off,smbus=off,vmport=off",
                              config.numa_nodes == 1 ? ",memory-backend=ram" : ""));
  add("-accel", kvm ? "kvm" : config.tcg_single_thread ? "tcg,thread=single" : "tcg,thread=multi");
  add("-cpu", cpu_model(config, kvm, host_is_amd));
  add("-smp", smp(config));
  add_memory(config, add);
  add("-chardev", socket("qmp", Fd::kQmp));
  add("-mon", "chardev=qmp,mode=control");
  add("-chardev", socket("gdb", Fd::kGdb));
  add("-gdb", "chardev:gdb");
  // A pipe, opened by its /proc path: a socket holds only about 300 of the serial port's
  // single-byte writes.
  add("-chardev", fmt::format("file,id=console,path=/proc/self/fd/{}", Fd::kConsole));
  add("-serial", "chardev:console");
  add("-chardev", socket("agent", Fd::kAgent));
  add("-device", "virtio-serial-pci,id=ports");
  // Port 0 is reserved for a virtio console.
  add("-device",
      fmt::format("virtserialport,bus=ports.0,nr=1,chardev=agent,name={}", kAgentPortName));
  add("-kernel", config.kernel_path);
  if (!config.initramfs_path.empty()) add("-initrd", config.initramfs_path);
  if (!config.command_line.empty()) add("-append", config.command_line);
  return arguments;
}

}  // namespace ktape
