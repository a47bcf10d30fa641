// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/host_probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "guest/machine/guest_ram.h"
#include "guest/machine/io.h"
#include "guest/machine/qemu_machine.h"

namespace ktape {

namespace {

using namespace std::chrono_literals;

constexpr auto kAnswerWithin = 10s;
constexpr char kQemuHint[] =
    "install QEMU 10 or later; on Debian 12: apt install -t bookworm-backports qemu-system-x86";
constexpr char kQemuPackage[] = "qemu-system-x86";

// Starts QEMU without a machine and asks for its version over QMP, which has it in numbers;
// `--version` is text that distributors change.
Result<QemuVersion> qemu_version(const std::string& program) {
  KTAPE_ASSIGN(SocketPair qmp, socket_pair());
  const int fd = QemuDescriptors::kQmp;
  std::vector<std::string> arguments = {"-nodefaults", "-no-user-config", "-display",
                                        "none",        "-machine",        "none"};
  arguments.insert(arguments.end(), {"-chardev", fmt::format("socket,id=qmp,fd={}", fd)});
  arguments.insert(arguments.end(), {"-mon", "chardev=qmp,mode=control"});
  KTAPE_ASSIGN(auto qemu, ChildProcess::start(program, arguments, {{qmp.theirs.get(), fd}}));
  qmp.theirs.reset();
  KTAPE_ASSIGN(auto client, QmpClient::connect(std::move(qmp.ours),
                                               std::chrono::steady_clock::now() + kAnswerWithin));
  return client->version();
}

HostFact qemu_fact(const std::string& program) {
  HostFact fact{.name = "QEMU", .hint = kQemuHint, .package = kQemuPackage};
  Result<QemuVersion> version = qemu_version(program);
  if (!version.ok()) {
    fact.detail = version.error().message;
    return fact;
  }
  // Asked as TCG would be: KVM accepts any version, so that answer would say nothing.
  Result<void> good = check_version(*version, Accelerator::kTcg);
  fact.ok = good.ok();
  fact.needed = false;  // an old version still works under KVM
  fact.detail = good.ok() ? version->text() : good.error().message;
  return fact;
}

HostFact memfd_fact() {
  HostFact fact{.name = "memfd"};
  constexpr uint64_t kBytes = uint64_t{64} << 20;
  Result<GuestRam> ram = GuestRam::create(kBytes);
  if (!ram.ok()) {
    fact.detail = ram.error().message;
    fact.hint = "boot this host with a kernel that has CONFIG_MEMFD_CREATE";
    return fact;
  }
  // A page in the middle, so that a working SEEK_DATA reports exactly one extent and a broken one
  // reports the whole file.
  ram->bytes()[kBytes / 2] = std::byte{1};
  auto extents = ram->data_extents();
  fact.ok = extents.ok() && extents->size() == 1;
  fact.detail = fact.ok ? "guest RAM can be shared, and SEEK_HOLE finds its holes"
                        : "SEEK_HOLE does not find the holes of a memfd";
  return fact;
}

// The command after which this user may open the device; empty if it is not permission that lacks.
std::string permission(const std::string& path, int cause) {
  struct stat device {};
  if (cause != EACCES || ::stat(path.c_str(), &device) != 0) return "";
  // root's group would not help: the user cannot be told to join it.
  const bool by_group = (device.st_mode & 0060) == 0060 && device.st_gid != 0;
  const struct group* owner = by_group ? ::getgrgid(device.st_gid) : nullptr;
  return owner != nullptr ? fmt::format("sudo usermod -aG {} $USER", owner->gr_name)
                          : fmt::format("sudo chmod a+rw {}", path);
}

// /dev/kvm cannot be opened, because of `cause`.
HostFact closed_kvm(HostFact fact, const std::string& path, int cause) {
  fact.detail = system_error(ErrorCode::kHost, "cannot open '" + path + "'", cause).message;
  fact.fix = permission(path, cause);
  if (fact.fix.find("usermod") != std::string::npos)
    fact.hint = "join the group of '" + path + "' and log in again; until then " + fact.hint;
  else if (!fact.fix.empty())
    fact.hint = "allow this user to open it; until then " + fact.hint;
  return fact;
}

HostFact kvm_fact(const HostProbe& probe) {
  HostFact fact{.name = "KVM", .needed = false};
  fact.hint =
      "captures run under TCG instead, which is slower, even relative to the guest's timers";
  UniqueFd kvm(::open(probe.kvm_device.c_str(), O_RDWR | O_CLOEXEC));
  if (!kvm.valid()) return closed_kvm(std::move(fact), probe.kvm_device, errno);
  if (probe.kernel_path.empty()) {
    fact.detail =
        "'" + probe.kvm_device + "' opens; not tested further, because no kernel is cached";
    fact.hint = "run 'ktape doctor' again when a kernel is cached";
    return fact;
  }
  MachineConfig config;
  config.accelerator = Accelerator::kKvm;
  config.kernel_path = probe.kernel_path;
  config.command_line = "console=ttyS0 panic=-1";
  config.qemu_program = probe.qemu_program;
  config.kvm_must_print = true;
  config.kvm_prints_within = probe.kvm_prints_within;
  auto machine = QemuMachine::start(config);
  fact.ok = machine.ok();
  fact.detail = machine.ok() ? "runs '" + probe.kernel_path + "', which printed on its console"
                             : machine.error().message;
  return fact;
}

}  // namespace

std::vector<HostFact> probe_host(const HostProbe& probe) {
  std::vector<HostFact> facts = {qemu_fact(probe.qemu_program), memfd_fact(), kvm_fact(probe)};
  // An old QEMU works only together with KVM.
  if (!facts[0].ok && !facts[2].ok) facts[0].needed = true;
  // Hints and fixes were filled in before the outcome was known; a good fact must not show them.
  for (HostFact& fact : facts) {
    if (fact.ok)
      fact = {.name = fact.name, .ok = true, .needed = fact.needed, .detail = fact.detail};
  }
  return facts;
}

}  // namespace ktape
