// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/live_capture.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace fs = std::filesystem;

namespace {

constexpr char kKernel[] = "6.16";

void pause_a_little() { std::this_thread::sleep_for(std::chrono::milliseconds(5)); }

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

LiveCapture::LiveCapture(const std::string& scenario, const std::vector<std::string>& environment) {
  if (!is_cached(kKernel)) SKIP(not_cached(kKernel));
  fs::create_directory(file("tapes"));
  const std::string scenario_file = file("live.scenario");
  std::ofstream(scenario_file) << scenario;
  std::vector<std::string> arguments = {
      KTAPE_BIN "/ktape-capture", scenario_file, "-o",  tape(),        "--kernel",
      cached_kernel(kKernel),     "--accel",     "tcg", "--fast-boot", "--no-kaslr"};
  std::vector<std::string> variables = environment;
  variables.push_back(mark_.assignment());
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(variables);
  const UniqueFd out(
      ::open(file("printed").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ > 0) return;
  ::dup2(out.get(), STDOUT_FILENO);
  ::dup2(out.get(), STDERR_FILENO);
  ::execve(argv[0], argv.data(), envp.data());
  ::_exit(127);
}

LiveCapture::~LiveCapture() {
  if (ended_) return;
  ::kill(pid_, SIGKILL);
  (void)wait();
}

bool LiveCapture::has_ended() {
  if (ended_) return true;
  if (::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
  return ended_;
}

int LiveCapture::wait() {
  while (!ended_) {
    if (::waitpid(pid_, &status_, 0) == pid_) ended_ = true;
  }
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
}

void LiveCapture::signal(int number) const { ::kill(pid_, number); }

std::string LiveCapture::printed() const { return must(read_text_file(file("printed"), 1 << 20)); }

void LiveCapture::wait_for(const std::string& text) {
  while (printed().find(text) == std::string::npos) {
    INFO("it never said '" << text << "': " << printed());
    REQUIRE_FALSE(has_ended());
    pause_a_little();
  }
}

void LiveCapture::wait_for_guest() {
  while (mark_.processes().size() < 2) {
    INFO(printed());
    REQUIRE_FALSE(has_ended());
    pause_a_little();
  }
}

UniqueFd LiveCapture::guest_ram() const {
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid_), gone)) {
    if (fs::read_symlink(entry.path(), gone).string().starts_with("/memfd:ktape-guest-ram"))
      return UniqueFd(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
  }
  return UniqueFd();
}

std::string writing_scenario() {
  const std::string target = "target = (task = (worker = \"sleeper\"), path = \"scx.dsq_vtime\")";
  std::string writes;
  for (uint64_t i = 1; i <= kWritesToGuest; ++i) {
    writes += fmt::format(
        "(op = (entry = (tag = \"write {}\", {}, write = (u64 = {})))), (sleepMs = 20),\n", i,
        target, kWritesBase + i);
  }
  return fmt::format(R"((
    name = "writes", machine = (memoryMb = 256),
    scheduler = (vtime = (switchMode = full)),
    workers = [(name = "sleeper", policy = normal, phases = [(sleepMs = 600000)])],
    steps = [
      (name = "settle", actions = [
        (wait = (worker = "sleeper", state = sleeping, deadlineMs = 60000)),
        (sleepMs = 300),
        (op = (entry = (tag = "where", {}, read = u64))),
      ]),
      (name = "writes", actions = [{}]),
    ],
  ))",
                     target, writes);
}

}  // namespace ktape::test
