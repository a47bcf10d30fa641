// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/left_processes.h"

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

namespace ktape::test {

namespace {

constexpr auto kPatience = std::chrono::seconds(60);

// The content of a file in /proc; empty if its process is gone, dead, or another user's.
std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

LeftProcesses::LeftProcesses()
    : mark_("KTAPE_TEST_MARK=" + std::to_string(std::random_device()()) + "-" +
            std::to_string(::getpid())) {}

std::vector<pid_t> LeftProcesses::processes() const {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    if (contents(entry.path() / "environ").find(mark_) != std::string::npos) found.push_back(pid);
  }
  return found;
}

bool LeftProcesses::all_gone() const {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!processes().empty()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace ktape::test
