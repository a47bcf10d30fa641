// SPDX-License-Identifier: Apache-2.0
// A stock kernel without an initramfs: it boots, finds no root file system and panics.
#include "guest/machine/qemu_machine.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/kernel.h"
#include "guest/machine/host_probe.h"
#include "guest/machine/io.h"
#include "schema/base/digest.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"
#include "tests/support/only_child.h"
#include "tests/support/temp_dir.h"

namespace ktape {
namespace {

using namespace std::chrono_literals;
using test::must;
using test::only_child;

constexpr char kSeries[] = "6.16";
constexpr char kPanic[] = "Unable to mount root fs";

// Deadlines only keep a broken test from hanging.
auto within(std::chrono::seconds time) { return Machine::Clock::now() + time; }

std::string bzimage() {
  if (!test::is_cached(kSeries)) SKIP(test::not_cached(kSeries));
  return test::cached_kernel(kSeries);
}

MachineConfig config(std::string kernel) {
  MachineConfig config;
  config.accelerator = Accelerator::kTcg;
  config.kernel_path = std::move(kernel);
  config.command_line = "console=ttyS0 panic=-1";
  return config;
}

UniqueFd open_process(pid_t pid) {
  return UniqueFd(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1);
}

bool ends(const UniqueFd& process) {
  pollfd end{process.get(), POLLIN, 0};
  return must(poll_until({&end, 1}, within(180s)));
}

// A guest, and its output.
class Guest {
 public:
  void boot(const MachineConfig& how) { machine_ = must(QemuMachine::start(how)); }

  // Waits for an event of that kind; keeps the console text meanwhile.
  MachineEvent wait_for(MachineEventKind kind) {
    auto deadline = within(180s);
    for (;;) {
      MachineEvent event = must(machine_->wait(deadline, -1));
      if (event.kind == MachineEventKind::kConsoleBytes) {
        console_.append(reinterpret_cast<const char*>(event.bytes.data()), event.bytes.size());
      }
      if (event.kind == kind) return event;
      INFO(event.text << ", after: "
                      << console_.substr(console_.size() - std::min<size_t>(console_.size(), 600)));
      REQUIRE(event.kind != MachineEventKind::kNothing);
      REQUIRE(event.kind != MachineEventKind::kLost);
    }
  }
  void boot_to_console(const MachineConfig& how) {
    boot(how);
    wait_for(MachineEventKind::kConsoleBytes);
  }

  QemuMachine& machine() { return *machine_; }
  [[nodiscard]] bool printed(std::string_view text) const {
    return console_.find(text) != std::string::npos;
  }

  Digest memory_digest() {
    Sha256 sha;
    std::vector<std::byte> bytes;
    for (const PhysicalRange& range : must(machine_->live_memory().populated())) {
      bytes.resize(range.bytes);
      must(machine_->live_memory().read(range.start, bytes));
      sha.update(bytes);
    }
    return sha.finish();
  }

 private:
  std::unique_ptr<QemuMachine> machine_;
  std::string console_;
};

TEST_CASE_METHOD(Guest, "a bzImage boots, and its panic is reported before its end") {
  boot(config(bzimage()));
  MachineEvent ended = wait_for(MachineEventKind::kEnded);
  CHECK(ended.text == "guest-reset");
  CHECK(printed("Linux version"));
  CHECK(printed(kPanic));
  CHECK(must(machine().wait(within(60s), -1)).kind == MachineEventKind::kLost);
}

// The unpacked kernel in a file: it runs at the addresses of its image.
std::string unpacked(const KernelImage& image, const std::string& path) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(image.vmlinux.data()),
            static_cast<std::streamsize>(image.vmlinux.size()));
  REQUIRE(out.good());
  return path;
}

TEST_CASE_METHOD(Guest, "a vmlinux boots") {
  test::TempDir folder;
  boot(config(unpacked(must(load_kernel_image(bzimage())), folder.file("vmlinux"))));
  wait_for(MachineEventKind::kEnded);
  CHECK(printed(kPanic));
}

TEST_CASE_METHOD(
    Guest, "memory does not change while the machine is frozen, and changes again afterwards") {
  boot_to_console(config(bzimage()));
  Frozen frozen = must(machine().freeze());
  Digest first = memory_digest();
  std::this_thread::sleep_for(200ms);
  CHECK(memory_digest() == first);
  must(frozen.thaw());
  wait_for(MachineEventKind::kConsoleBytes);
  CHECK(memory_digest() != first);
}

TEST_CASE_METHOD(Guest, "what is written in a freeze is what the guest reads") {
  boot_to_console(config(bzimage()));
  Frozen frozen = must(machine().freeze());
  // The real-mode interrupt vectors, which a running kernel leaves alone.
  std::vector<std::byte> mark = {std::byte{0x6b}, std::byte{0x74}};
  must(frozen.memory().write(GuestPhysical(0x3fe), mark));
  must(frozen.thaw());
  std::vector<std::byte> seen(2);
  must(machine().live_memory().read(GuestPhysical(0x3fe), seen));
  CHECK(seen == mark);
}

TEST_CASE_METHOD(Guest, "registers of all vCPUs are those of a kernel") {
  MachineConfig how = config(bzimage());
  how.cpus = 3;
  how.command_line = "console=ttyS0 panic=0";  // stays there after its panic
  boot(how);
  // Secondary CPUs are up by then.
  while (!printed(kPanic)) wait_for(MachineEventKind::kConsoleBytes);
  Frozen frozen = must(machine().freeze());
  auto registers = must(frozen.registers());
  REQUIRE(registers.size() == 3);
  for (const VcpuRegisters& vcpu : registers) {
    CHECK(vcpu.rip >= 0xffffffff80000000);
    CHECK(vcpu.rsp >= 0xffff800000000000);
    CHECK((vcpu.cs & 3) == 0);
    CHECK((vcpu.rflags & 2) == 2);
    CHECK(vcpu.gs_base >= 0xffff800000000000);
  }
  CHECK(registers[0].gs_base != registers[1].gs_base);
  CHECK(registers[1].gs_base != registers[2].gs_base);
}

TEST_CASE_METHOD(Guest, "many freezes and thaws leave the guest running") {
  boot_to_console(config(bzimage()));
  for (int i = 0; i < 50; ++i) {
    Frozen frozen = must(machine().freeze());
    CHECK(frozen.stop_latency() > 0ns);
    must(frozen.thaw());
  }
  wait_for(MachineEventKind::kEnded);
  CHECK(printed(kPanic));
}

TEST_CASE_METHOD(Guest, "memory above the hole is found at the guest's address") {
  MachineConfig how = config(bzimage());
  how.memory_bytes = uint64_t{3} << 30;
  boot_to_console(how);
  auto populated = must(machine().live_memory().populated());
  REQUIRE_FALSE(populated.empty());
  CHECK(populated.back().start >= GuestPhysical(uint64_t{4} << 30));
  std::vector<std::byte> byte(1);
  CHECK(machine().live_memory().read(GuestPhysical(uint64_t{2} << 30), byte).error().code ==
        ErrorCode::kOutOfRange);
  CHECK(machine().live_memory().read(GuestPhysical(uint64_t{5} << 30), byte).error().code ==
        ErrorCode::kOutOfRange);
}

TEST_CASE_METHOD(
    Guest,
    "the machine stops at a breakpoint each time, runs past it, and no more once it is cleared") {
  test::TempDir folder;
  const KernelImage image = must(load_kernel_image(bzimage()));
  const auto knowledge = must(learn_kernel(image.vmlinux));
  // Every kernel thread of the boot passes it.
  const GuestVirtual address(*knowledge->symbols.find("kernel_clone"));
  boot(config(unpacked(image, folder.file("vmlinux"))));
  {
    Frozen frozen = must(machine().freeze());
    must(frozen.set_breakpoint(address));
    must(frozen.thaw());
  }
  for (int hit = 0; hit < 5; ++hit) {
    wait_for(MachineEventKind::kBreakpoint);
    Frozen frozen = must(machine().freeze());
    const auto registers = must(frozen.registers());
    const auto at =
        std::find_if(registers.begin(), registers.end(),
                     [&](const VcpuRegisters& vcpu) { return vcpu.rip == address.value; });
    REQUIRE(at != registers.end());
    CHECK(at->rdi >= 0xffff800000000000);  // struct kernel_clone_args *
    if (hit == 4) must(frozen.clear_breakpoint(address));
    must(frozen.thaw());
  }
  wait_for(MachineEventKind::kEnded);
  CHECK(printed(kPanic));
}

// The serial port's single bytes once filled a socket after 300 of them, and the guest dropped the
// rest.
TEST_CASE_METHOD(Guest, "a console that is not read during a whole boot is delivered in full") {
  boot(config(bzimage()));
  REQUIRE(ends(open_process(only_child())));
  wait_for(MachineEventKind::kEnded);
  CHECK(printed("Linux version"));
  CHECK(printed(kPanic));
}

TEST_CASE_METHOD(Guest, "a killed QEMU is a lost machine, and its memory can still be read") {
  boot_to_console(config(bzimage()));
  REQUIRE(::kill(only_child(), SIGKILL) == 0);
  MachineEvent event = must(machine().wait(within(60s), -1));
  while (event.kind == MachineEventKind::kConsoleBytes)
    event = must(machine().wait(within(60s), -1));
  CHECK(event.kind == MachineEventKind::kLost);
  CHECK(event.text == "QEMU was killed by signal 9 (Killed)");
  CHECK(machine().freeze().error().code == ErrorCode::kMachineLost);
  CHECK_FALSE(must(machine().live_memory().populated()).empty());
}

TEST_CASE_METHOD(Guest, "a QEMU that does not answer is a lost machine") {
  MachineConfig how = config(bzimage());
  how.answer_within = 1s;
  boot_to_console(how);
  REQUIRE(::kill(only_child(), SIGSTOP) == 0);
  CHECK(machine().freeze().error().code == ErrorCode::kMachineLost);
  CHECK(must(machine().wait(within(60s), -1)).kind != MachineEventKind::kNothing);
}

TEST_CASE_METHOD(Guest, "bytes for an agent that is not connected wait, up to the bound") {
  boot(config(bzimage()));
  std::vector<std::byte> most(SendQueue::kMaxBytes);
  must(machine().send_to_agent(most));
  CHECK(machine().send_to_agent(most).error().code == ErrorCode::kBadInput);
}

TEST_CASE_METHOD(Guest, "a machine that ktape ends is reported as lost") {
  boot(config(bzimage()));
  machine().end();
  MachineEvent event = must(machine().wait(within(60s), -1));
  CHECK(event.kind == MachineEventKind::kLost);
  CHECK(event.text == "ktape ended the machine");
}

TEST_CASE_METHOD(Guest, "auto boots whatever this host has, and says why it chose") {
  MachineConfig how = config(bzimage());
  how.accelerator = Accelerator::kAuto;
  boot_to_console(how);
  CHECK(machine().facts().accelerator_used != Accelerator::kAuto);
  CHECK_FALSE(machine().facts().accelerator_reason.empty());
}

TEST_CASE_METHOD(Guest, "kvm asked for by name runs the kernel or is a host error with the cause") {
  MachineConfig how = config(bzimage());
  how.accelerator = Accelerator::kKvm;
  auto machine = QemuMachine::start(how);
  if (machine.ok()) {
    CHECK((*machine)->facts().accelerator_used == Accelerator::kKvm);
    return;
  }
  CHECK(machine.error().code == ErrorCode::kHost);
  CHECK(machine.error().message.starts_with("cannot run the kernel under KVM: "));
  CHECK_FALSE(machine.error().hint.empty());
}

TEST_CASE_METHOD(Guest, "a QEMU that refuses to start is a host error in its own words") {
  MachineConfig how = config("/dev/null");
  auto machine = QemuMachine::start(how);
  REQUIRE_FALSE(machine.ok());
  CHECK(machine.error().code == ErrorCode::kHost);
  CHECK(machine.error().message.find("exited with status 1: qemu") != std::string::npos);
}

TEST_CASE_METHOD(Guest, "auto names both causes if neither KVM nor TCG can run the kernel") {
  const test::TempDir folder;
  const std::string qemu = folder.file("qemu");
  std::ofstream(qemu) << "#!/bin/sh\n"
                         "case \"$*\" in\n"
                         "*kvm*) echo 'qemu: error: no KVM here' >&2 ;;\n"
                         "*) echo 'qemu: error: no TCG here' >&2 ;;\n"
                         "esac\n"
                         "exit 1\n";
  std::filesystem::permissions(qemu, std::filesystem::perms::owner_all);
  MachineConfig how = config("/dev/null");
  how.accelerator = Accelerator::kAuto;
  how.qemu_program = qemu;
  auto machine = QemuMachine::start(how);
  REQUIRE_FALSE(machine.ok());
  CHECK(machine.error().message.starts_with("cannot run the kernel under KVM: "));
  CHECK(machine.error().message.find("and under TCG: ") != std::string::npos);
  CHECK(machine.error().message.find("no TCG here") != std::string::npos);
}

TEST_CASE("a missing kernel is named") {
  auto machine = QemuMachine::start(config("/no/kernel"));
  REQUIRE_FALSE(machine.ok());
  CHECK(machine.error().code == ErrorCode::kNotFound);
  CHECK(machine.error().message ==
        "cannot read the kernel '/no/kernel': No such file or directory");
}

TEST_CASE("no QEMU is left behind when its recorder is killed") {
  MachineConfig how = config(bzimage());
  int fds[2];
  REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
  UniqueFd read_end(fds[0]), write_end(fds[1]);
  pid_t recorder = ::fork();
  REQUIRE(recorder >= 0);
  if (recorder == 0) {
    auto machine = QemuMachine::start(how);
    pid_t emulator = machine.ok() ? only_child() : 0;
    (void)!::write(write_end.get(), &emulator, sizeof emulator);
    for (;;) ::pause();
  }
  pid_t emulator = 0;
  REQUIRE(::read(read_end.get(), &emulator, sizeof emulator) == sizeof emulator);
  UniqueFd emulator_process = open_process(emulator);
  ::kill(recorder, SIGKILL);
  ::waitpid(recorder, nullptr, 0);
  REQUIRE(emulator_process.valid());
  CHECK(ends(emulator_process));
}

// A QEMU that emulates the machine requested under KVM, without the kernel: it runs, and prints
// nothing.
std::string silent_qemu(const test::TempDir& folder) {
  const std::string program = folder.file("qemu");
  std::ofstream(program) << R"(#!/usr/bin/env python3
import os, sys
words, out = sys.argv[1:], []
has_kernel = "-kernel" in words
while words:
    word = words.pop(0)
    if has_kernel and word in ("-kernel", "-append"):
        words.pop(0)
    elif word == "kvm":
        out.append("tcg")
    else:
        out.append("max" if word.startswith("host") else word)
os.execvp("qemu-system-x86_64", ["qemu-system-x86_64"] + out)
)";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  return program;
}

TEST_CASE(
    "a KVM whose guest never prints is not reported as good, and its behaviour is described") {
  if (!UniqueFd(::open("/dev/kvm", O_RDWR | O_CLOEXEC)).valid())
    SKIP("'/dev/kvm' cannot be opened");
  const test::TempDir folder;
  const HostProbe probe{
      .qemu_program = silent_qemu(folder), .kernel_path = bzimage(), .kvm_prints_within = 3s};
  const std::vector<HostFact> facts = probe_host(probe);
  const auto kvm =
      std::find_if(facts.begin(), facts.end(), [](const HostFact& f) { return f.name == "KVM"; });
  REQUIRE(kvm != facts.end());
  INFO(kvm->detail);
  CHECK_FALSE(kvm->ok);
  CHECK(kvm->detail.find("it printed nothing on its console within 3 s; QEMU reports status "
                         "'running', vCPU 0 is at 0x") != std::string::npos);
}

TEST_CASE_METHOD(
    Guest,
    "each vCPU is a thread of the host whose times grow, and are not known once it has ended") {
  MachineConfig two = config(bzimage());
  two.cpus = 2;
  boot_to_console(two);
  const HostTimes before = machine().host_times();
  REQUIRE(before.vcpus.size() == 2);
  if (!before.vcpus[0].known) SKIP("this host does not count what its threads wait");
  CHECK(before.vcpus[0].thread != before.vcpus[1].thread);
  CHECK(before.emulator.thread == only_child());
  CHECK(before.own.known);
  for (int pieces = 0; pieces < 5; ++pieces) wait_for(MachineEventKind::kConsoleBytes);
  const HostTimes later = machine().host_times();
  CHECK(later.vcpus[0].ran_ns > before.vcpus[0].ran_ns);
  CHECK(later.vcpus[0].waited_ns >= before.vcpus[0].waited_ns);
  wait_for(MachineEventKind::kEnded);
  CHECK_FALSE(machine().host_times().vcpus[0].known);
}

TEST_CASE_METHOD(Guest, "vCPUs that share one thread have the times of that thread") {
  MachineConfig one_thread = config(bzimage());
  one_thread.cpus = 2;
  one_thread.tcg_single_thread = true;
  boot_to_console(one_thread);
  const HostTimes times = machine().host_times();
  REQUIRE(times.vcpus.size() == 2);
  CHECK(times.vcpus[0].thread == times.vcpus[1].thread);
}

}  // namespace
}  // namespace ktape
