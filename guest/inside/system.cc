// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/system.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "guest/inside/base/sysfs_text.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

constexpr size_t kProcLimitBytes = size_t{64} << 10;

struct Mount {
  const char* type;
  const char* where;
};

Result<void> mount_one(const Mount& mount) {
  if (::mkdir(mount.where, 0755) != 0 && errno != EEXIST) {
    return system_error(ErrorCode::kHost, std::string("cannot create '") + mount.where + "'");
  }
  // EBUSY: the kernel has mounted it already (CONFIG_DEVTMPFS_MOUNT).
  if (::mount(mount.type, mount.where, mount.type, 0, nullptr) != 0 && errno != EBUSY) {
    return system_error(ErrorCode::kHost, std::string("cannot mount '") + mount.where + "'");
  }
  return {};
}

uint64_t boot_time_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

Result<void> mount_file_systems() {
  // /dev first: it has the console that everything else is reported on.
  KTAPE_TRY(mount_one({"devtmpfs", "/dev"}));
  KTAPE_TRY(mount_one({"proc", "/proc"}));
  KTAPE_TRY(mount_one({"sysfs", "/sys"}));
  if (::access("/sys/fs/cgroup", F_OK) == 0) KTAPE_TRY(mount_one({"cgroup2", "/sys/fs/cgroup"}));
  return {};
}

Result<void> become_realtime(uint32_t priority) {
  sched_param param{};
  param.sched_priority = static_cast<int>(priority);
  if (::sched_setscheduler(0, SCHED_FIFO, &param) != 0) {
    return system_error(ErrorCode::kHost, "cannot become SCHED_FIFO " + std::to_string(priority));
  }
  return {};
}

ConsolePrinter::ConsolePrinter()
    : console_(::open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC)) {}

void ConsolePrinter::line(const std::string& text) const {
  std::string line = "ktape-agent: " + text + "\n";
  // If the console does not take it, nothing can be done.
  [[maybe_unused]] ssize_t n = ::write(console_.get(), line.data(), line.size());
}

Result<void> send_hello(Reporter& reporter) {
  utsname names{};
  if (::uname(&names) != 0) return system_error(ErrorCode::kHost, "cannot read the kernel's name");
  KTAPE_ASSIGN(std::string command_line, read_text_file("/proc/cmdline", kProcLimitBytes));
  KTAPE_ASSIGN(std::string online,
               read_text_file("/sys/devices/system/cpu/online", kProcLimitBytes));
  KTAPE_ASSIGN(std::vector<uint32_t> cpus, list_cpus(online));
  // From a host's view a cross-check only: it derives the slide from memory itself.
  Vmcoreinfo vmcoreinfo;  // zeros if the kernel has none
  if (auto text = read_text_file("/sys/kernel/vmcoreinfo", kProcLimitBytes)) {
    KTAPE_ASSIGN(vmcoreinfo, parse_vmcoreinfo(*text));
  }
  return reporter.send([&](schema::FromAgent::Builder message) {
    auto hello = message.initHello();
    hello.setProtocol(schema::PROTOCOL_VERSION);
    auto guest = hello.initGuest();
    guest.setAgentVersion(KTAPE_VERSION);
    guest.setRelease(as_data(names.release));
    guest.setVersion(as_data(names.version));
    guest.setCommandLine(as_data(command_line));
    guest.setOnlineCpus(static_cast<uint32_t>(cpus.size()));
    guest.setVmcoreinfoAddress(vmcoreinfo.address);
    guest.setVmcoreinfoBytes(vmcoreinfo.bytes);
    guest.setBootTimeNs(boot_time_ns());
  });
}

void power_off() { ::reboot(RB_POWER_OFF); }

}  // namespace ktape
