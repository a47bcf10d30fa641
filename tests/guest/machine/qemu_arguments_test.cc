// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/qemu_arguments.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

namespace ktape {
namespace {

constexpr uint64_t kMegabyte = uint64_t{1} << 20;

MachineConfig config() {
  MachineConfig config;
  config.cpus = 4;
  config.memory_bytes = 768 * kMegabyte;
  config.kernel_path = "/k/bzImage";
  config.initramfs_path = "/k/initramfs";
  config.command_line = "console=ttyS0";
  return config;
}

// Values that follow an option, in order.
std::vector<std::string> values(const std::vector<std::string>& arguments,
                                const std::string& option) {
  std::vector<std::string> found;
  for (size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i] == option) found.push_back(arguments[i + 1]);
  }
  return found;
}

bool has(const std::vector<std::string>& arguments, const std::string& argument) {
  return std::find(arguments.begin(), arguments.end(), argument) != arguments.end();
}

TEST_CASE("the machine has what was requested and nothing by default") {
  auto arguments = qemu_arguments(config(), Accelerator::kTcg, false);
  CHECK(has(arguments, "-nodefaults"));
  CHECK(has(arguments, "-no-user-config"));
  CHECK(values(arguments, "-smp") ==
        std::vector<std::string>{"cpus=4,sockets=1,cores=4,threads=1"});
  CHECK(values(arguments, "-m") == std::vector<std::string>{"size=768M"});
  CHECK(values(arguments, "-kernel") == std::vector<std::string>{"/k/bzImage"});
  CHECK(values(arguments, "-initrd") == std::vector<std::string>{"/k/initramfs"});
  CHECK(values(arguments, "-append") == std::vector<std::string>{"console=ttyS0"});
}

TEST_CASE("a guest that resets ends, and nothing runs before it is told to") {
  auto arguments = qemu_arguments(config(), Accelerator::kTcg, false);
  CHECK(has(arguments, "-no-reboot"));
  CHECK(has(arguments, "-S"));
}

TEST_CASE(
    "kvm shows the host's CPU to the guest, tcg runs its vCPUs on threads of their own, or on "
    "one") {
  auto kvm = qemu_arguments(config(), Accelerator::kKvm, false);
  CHECK(values(kvm, "-accel") == std::vector<std::string>{"kvm"});
  CHECK(values(kvm, "-cpu") == std::vector<std::string>{"host,host-cache-info=off"});
  auto amd = qemu_arguments(config(), Accelerator::kKvm, true);
  CHECK(values(amd, "-cpu") == std::vector<std::string>{"host,host-cache-info=off,topoext=on"});
  auto tcg = qemu_arguments(config(), Accelerator::kTcg, false);
  CHECK(values(tcg, "-accel") == std::vector<std::string>{"tcg,thread=multi"});
  MachineConfig in_turn = config();
  in_turn.tcg_single_thread = true;
  CHECK(values(qemu_arguments(in_turn, Accelerator::kTcg, false), "-accel") ==
        std::vector<std::string>{"tcg,thread=single"});
  CHECK(values(qemu_arguments(in_turn, Accelerator::kKvm, false), "-accel") ==
        std::vector<std::string>{"kvm"});
}

TEST_CASE("RAM and all channels are descriptors that QEMU inherits") {
  auto arguments = qemu_arguments(config(), Accelerator::kTcg, false);
  CHECK(values(arguments, "-object") ==
        std::vector<std::string>{
            "memory-backend-file,id=ram,share=on,size=768M,mem-path=/proc/self/fd/7"});
  CHECK(values(arguments, "-chardev") ==
        std::vector<std::string>{"socket,id=qmp,fd=3", "socket,id=gdb,fd=4",
                                 "file,id=console,path=/proc/self/fd/5", "socket,id=agent,fd=6"});
}

TEST_CASE(
    "LLCs narrower than a socket are dies of a CPU model that reports how caches are shared") {
  MachineConfig split = config();
  split.cpus = 16;
  split.sockets = 2;
  split.threads = 2;
  split.llcs = 4;
  auto arguments = qemu_arguments(split, Accelerator::kTcg, false);
  CHECK(values(arguments, "-smp") ==
        std::vector<std::string>{"cpus=16,sockets=2,dies=2,cores=2,threads=2"});
  CHECK(values(arguments, "-cpu") ==
        std::vector<std::string>{"max,la57=off,vendor=GenuineIntel,min-level=0x20"});
  split.llcs = 2;
  auto whole = qemu_arguments(split, Accelerator::kTcg, false);
  CHECK(values(whole, "-smp") == std::vector<std::string>{"cpus=16,sockets=2,cores=4,threads=2"});
  CHECK(values(whole, "-cpu") == std::vector<std::string>{"max,la57=off"});
}

TEST_CASE("the RAM of NUMA nodes is one file, node after node") {
  MachineConfig two = config();
  two.sockets = 2;
  two.llcs = 2;
  two.numa_nodes = 2;
  auto arguments = qemu_arguments(two, Accelerator::kTcg, false);
  CHECK(values(arguments, "-machine") ==
        std::vector<std::string>{"q35,sata=off,smbus=off,vmport=off"});
  const std::string node = "memory-backend-file,id=ram";
  CHECK(
      values(arguments, "-object") ==
      std::vector<std::string>{node + "0,share=on,size=384M,mem-path=/proc/self/fd/7,offset=0M",
                               node + "1,share=on,size=384M,mem-path=/proc/self/fd/7,offset=384M"});
  CHECK(values(arguments, "-numa") ==
        std::vector<std::string>{"node,nodeid=0,memdev=ram0,cpus=0-1",
                                 "node,nodeid=1,memdev=ram1,cpus=2-3"});
}

TEST_CASE("the agent's port has the name that the agent looks for") {
  auto devices = values(qemu_arguments(config(), Accelerator::kTcg, false), "-device");
  REQUIRE(devices.size() == 2);
  CHECK(devices[1] == "virtserialport,bus=ports.0,nr=1,chardev=agent,name=org.ktape.agent");
}

TEST_CASE("without an initramfs there is no option for one") {
  MachineConfig bare = config();
  bare.initramfs_path.clear();
  CHECK_FALSE(has(qemu_arguments(bare, Accelerator::kTcg, false), "-initrd"));
}

TEST_CASE("an impossible machine is a usage error that says what is possible") {
  MachineConfig no_cpus = config();
  no_cpus.cpus = 0;
  MachineConfig odd_memory = config();
  odd_memory.memory_bytes = 512 * kMegabyte + 4096;
  MachineConfig little_memory = config();
  little_memory.memory_bytes = 32 * kMegabyte;
  MachineConfig odd_cpus = config();
  odd_cpus.sockets = 3;
  MachineConfig odd_llcs = config();
  odd_llcs.llcs = 3;
  MachineConfig odd_nodes = config();
  odd_nodes.numa_nodes = 2;  // with one LLC
  MachineConfig no_kernel = config();
  no_kernel.kernel_path.clear();
  for (const MachineConfig& bad :
       {no_cpus, odd_memory, little_memory, odd_cpus, odd_llcs, odd_nodes, no_kernel}) {
    Result<void> checked = check_config(bad);
    REQUIRE_FALSE(checked.ok());
    CHECK(checked.error().code == ErrorCode::kUsage);
  }
  CHECK(check_config(config()).ok());
}

TEST_CASE("QEMU before 10 is refused under tcg, and only there") {
  QemuVersion old{.major = 7, .minor = 2, .micro = 19, .package = "Debian 1:7.2"};
  Result<void> refused = check_version(old, Accelerator::kTcg);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kHost);
  CHECK(refused.error().message.find("QEMU 7.2.19 (Debian 1:7.2)") != std::string::npos);
  CHECK(
      refused.error().hint ==
      "install QEMU 10 or later; on Debian 12: apt install -t bookworm-backports qemu-system-x86");
  CHECK(check_version(old, Accelerator::kKvm).ok());
  CHECK(check_version(QemuVersion{.major = 10}, Accelerator::kTcg).ok());
}

}  // namespace
}  // namespace ktape
