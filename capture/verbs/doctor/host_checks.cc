// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/doctor/host_checks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "capture/verbs/host_kernel.h"
#include "capture/verbs/kernel_script.h"
#include "schema/base/shell_words.h"

namespace ktape {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGuestBytes = 512 * kMiB;       // a scenario's default
constexpr uint64_t kMemoryBytes = 768 * kMiB;      // and QEMU, and ktape
constexpr uint64_t kTapeBytes = 100 * kMiB;        // most tapes are far smaller
constexpr uint64_t kFetchBytes = 500 * kMiB;       // a generic kernel, downloaded and unpacked
constexpr rlim_t kAddressBytes = 4 * 1024 * kMiB;  // QEMU's address space, with the guest's RAM
constexpr rlim_t kFileBytes = kGuestBytes;         // guest RAM is a file in memory
constexpr rlim_t kOpenFiles = 256;

constexpr char kReinstall[] = "install ktape again, or build it with tools/build";

// A program, its package, and what ktape does without it.
struct HelperProgram {
  const char* name;
  const char* package;
  const char* without;
};
constexpr HelperProgram kHelpers[] = {
    {"git", "git", "tapes do not say which commit a scheduler was built from"},
    {"bash", "bash", "kernels cannot be fetched"},
    {"apt-get", "", "kernels cannot be fetched"},
    {"dpkg-deb", "", "kernels cannot be fetched"},
    {"flock", "util-linux", "kernels cannot be fetched"},
};

bool is_program(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

// The innermost folder of a path that exists.
fs::path existing_folder(const std::string& path) {
  std::error_code ignored;
  fs::path folder = fs::absolute(path, ignored);
  while (!fs::exists(folder, ignored) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

HostFact space_fact(const char* name, const std::string& folder, std::optional<uint64_t> free_bytes,
                    uint64_t enough) {
  HostFact fact{.name = name};
  const fs::path there = existing_folder(folder);
  // Effective ids, as open() uses them.
  if (::faccessat(AT_FDCWD, there.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    fact.detail = "cannot write to '" + there.string() + "'";
    fact.hint = "use a folder that this user may write to";
    return fact;
  }
  if (!free_bytes) {
    fact.detail = "the free space of '" + folder + "' is not known";
    fact.hint = fmt::format("make sure that it has {} MiB of free space", enough / kMiB);
    fact.needed = false;
    return fact;
  }
  fact.ok = *free_bytes >= enough;
  fact.detail = fmt::format("'{}' has {} MiB free", folder, *free_bytes / kMiB);
  if (!fact.ok) {
    fact.detail += fmt::format(", {} MiB are needed", enough / kMiB);
    fact.hint = "free some space, or use another folder";
  }
  return fact;
}

// "MemAvailable:   123 kB" in bytes.
std::optional<uint64_t> available_memory(const std::string& meminfo) {
  std::istringstream lines(meminfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t kib = 0;
    if (words >> name >> kib && name == "MemAvailable:") return kib << 10;
  }
  return std::nullopt;
}

rlim_t limit_of(int resource) {
  rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  return ::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) == 0 ? limit.rlim_cur
                                                                              : RLIM_INFINITY;
}

}  // namespace

// Any readable image will do here; whether ktape can use it is `ktape kernel inspect`.
HostFact kernel_fact(const Result<KernelSource>& source, const std::string& asked) {
  if (source.ok()) return {.name = "kernel", .ok = true, .detail = source->path};
  HostFact fact{.name = "kernel", .detail = source.error().message, .hint = source.error().hint};
  const std::string name = named_kernel(asked);
  const bool unreadable = source.error().code == ErrorCode::kHost;
  const std::string image = name.find('/') == std::string::npos ? boot_image(name) : name;
  if (unreadable) fact.fix = "sudo chmod a+r " + shell_quoted(image);
  // The mirror may have dropped the default; then another kernel stands in.
  if (!unreadable && asked.empty()) fact.fix = "ktape kernel fetch";
  if (!unreadable && !asked.empty() && can_be_fetched(name))
    fact.fix = "ktape kernel fetch " + name;
  return fact;
}

HostFact memory_fact(const std::string& meminfo) {
  HostFact fact{.name = "memory"};
  const std::optional<uint64_t> available = available_memory(meminfo);
  if (!available) {
    fact.needed = false;
    fact.detail = "'/proc/meminfo' does not say how much is available";
    fact.hint = "make sure that 768 MiB are available";
    return fact;
  }
  fact.ok = *available >= kMemoryBytes;
  fact.detail = fmt::format("{} MiB available", *available / kMiB);
  if (!fact.ok) {
    fact.detail += fmt::format(", {} MiB are needed for a guest of {} MiB", kMemoryBytes / kMiB,
                               kGuestBytes / kMiB);
    fact.hint = "end other programs, or give the guest less memory with --memory-mb";
  }
  return fact;
}

HostFact output_fact(const std::string& folder, std::optional<uint64_t> free_bytes) {
  std::error_code ignored;
  if (fs::is_directory(folder, ignored))
    return space_fact("output", folder, free_bytes, kTapeBytes);
  return {.name = "output",
          .detail = "there is no folder '" + folder + "'",
          .hint = "make it, or give --output another one",
          .fix = "mkdir -p " + shell_quoted(folder)};
}

HostFact cache_fact(const std::string& folder, std::optional<uint64_t> free_bytes) {
  HostFact fact = space_fact("cache", folder, free_bytes, kFetchBytes);
  fact.needed = false;  // a capture only reads it
  return fact;
}

HostFact agent_fact(const std::string& data_folder) {
  const std::string path = data_folder + "/initramfs.cpio.zst";
  if (::access(path.c_str(), R_OK) == 0) return {.name = "agent", .ok = true, .detail = path};
  return {.name = "agent",
          .detail = system_error(ErrorCode::kHost, "cannot read '" + path + "'").message,
          .hint = kReinstall};
}

HostFact scenarios_fact(const std::string& data_folder) {
  const std::string folder = data_folder + "/scenarios";
  std::error_code ignored;
  size_t scenarios = 0;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".scenario") ++scenarios;
  }
  HostFact fact{.name = "scenarios", .ok = scenarios > 0, .needed = false};
  fact.detail =
      fact.ok ? fmt::format("{} in '{}'", scenarios, folder) : "there are none in '" + folder + "'";
  if (!fact.ok) fact.hint = kReinstall;
  return fact;
}

HostFact programs_fact(const std::vector<std::string>& folders) {
  HostFact fact{.name = "programs", .needed = false};
  std::string found;
  for (const HelperProgram& helper : kHelpers) {
    const bool there = std::ranges::any_of(folders, [&](const std::string& folder) {
      return is_program(fs::path(folder) / helper.name);
    });
    if (there) {
      found += (found.empty() ? "" : ", ") + std::string(helper.name);
      continue;
    }
    fact.detail += (fact.detail.empty() ? "" : ", ") + fmt::format("'{}' is missing", helper.name);
    fact.hint += (fact.hint.empty() ? "" : "; ") +
                 fmt::format("without '{}' {}", helper.name, helper.without);
    if (*helper.package != '\0')
      fact.package += (fact.package.empty() ? "" : " ") + std::string(helper.package);
  }
  fact.ok = fact.detail.empty();
  if (fact.ok) fact.detail = found;
  return fact;
}

Limits current_limits() {
  return {limit_of(RLIMIT_FSIZE), limit_of(RLIMIT_AS), limit_of(RLIMIT_NOFILE)};
}

HostFact limits_fact(const Limits& limits) {
  HostFact fact{.name = "limits"};
  const auto lacks = [&](const std::string& what, const char* raise) {
    fact.detail += (fact.detail.empty() ? "" : ", ") + what;
    fact.fix += (fact.fix.empty() ? "" : " && ") + std::string(raise);
  };
  if (limits.file_bytes < kFileBytes)  // RLIM_INFINITY is the largest number
    lacks(fmt::format("a file may have {} bytes, fewer than a guest's RAM", limits.file_bytes),
          "ulimit -f unlimited");
  if (limits.memory_bytes < kAddressBytes)
    lacks(fmt::format("a program may have {} bytes of memory, fewer than QEMU needs",
                      limits.memory_bytes),
          "ulimit -v unlimited");
  if (limits.files < kOpenFiles)
    lacks(fmt::format("a program may open {} files, fewer than QEMU may need", limits.files),
          "ulimit -n 1024");
  fact.ok = fact.detail.empty();
  if (fact.ok) fact.detail = "file size, memory and open files suffice";
  if (!fact.ok) fact.hint = "raise them in this shell; only root can raise a hard limit";
  return fact;
}

std::optional<uint64_t> free_bytes_at(const std::string& folder) {
  struct statvfs disk {};
  // f_bavail and not f_bfree: root's reserve is not for this user.
  if (::statvfs(existing_folder(folder).c_str(), &disk) != 0) return std::nullopt;
  return uint64_t{disk.f_bavail} * disk.f_frsize;
}

}  // namespace ktape
