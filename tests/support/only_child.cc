// SPDX-License-Identifier: Apache-2.0
#include "tests/support/only_child.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>

namespace ktape::test {

namespace {

// The fourth field of /proc/PID/stat, behind a name that may hold anything.
pid_t parent_of(const std::filesystem::path& process) {
  std::ifstream file(process / "stat");
  std::string stat;
  std::getline(file, stat, '\0');
  const size_t name_end = stat.rfind(") ");
  if (name_end == std::string::npos) return 0;
  const char* at = stat.data() + name_end + sizeof(") S ") - 1;
  pid_t parent = 0;
  std::from_chars(at, stat.data() + stat.size(), parent);
  return parent;
}

}  // namespace

pid_t only_child() {
  pid_t child = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || *end != '\0' || parent_of(entry.path()) != ::getpid()) continue;
    if (child != 0) return 0;
    child = pid;
  }
  return child;
}

}  // namespace ktape::test
