// SPDX-License-Identifier: Apache-2.0
// `check-reference`: `ktape check` of the reference scenario's tape with every assertion, beside as
// many processes that do nothing, as many at a time. `check-tapes/N`: the same of N tapes.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temp_dir.h"

extern "C" char** environ;

namespace {

// Starts a program whose output nobody reads.
void start(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  if (posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ) != 0)
    throw std::runtime_error("cannot run " + command[0]);
  posix_spawn_file_actions_destroy(&actions);
}

// Waits for one of the processes that were started; its exit status.
int end_of_one() {
  int status = 0;
  if (waitpid(-1, &status, 0) < 0 || !WIFEXITED(status))
    throw std::runtime_error("a program did not end well");
  return WEXITSTATUS(status);
}

// The programs that `ktape check` runs.
size_t assertions() {
  glob_t found{};
  if (glob(KTAPE_BIN "/ktape-assert-*", 0, nullptr, &found) != 0)
    throw std::runtime_error("no assertions");
  const size_t count = found.gl_pathc;
  globfree(&found);
  return count;
}

// An assertion and a tape is a process, and so is `ktape check` itself.
void start_nothing(benchmark::State& state, size_t tapes) {
  const size_t processes = 1 + tapes * assertions();
  const size_t at_once = std::max(1u, std::thread::hardware_concurrency());
  for (auto _ : state) {
    for (size_t i = 0; i < processes; ++i) {
      if (i >= at_once) end_of_one();
      start({KTAPE_BIN "/bench_nothing"});
    }
    for (size_t i = 0; i < std::min(at_once, processes); ++i) end_of_one();
  }
}

void check(benchmark::State& state, size_t tapes) {
  // The same tape, which is judged once for each file.
  const ktape::test::TempDir folder;
  std::vector<std::string> command = {KTAPE_BIN "/ktape", "check"};
  for (size_t i = 0; i < tapes; ++i) {
    command.push_back(folder.file(fmt::format("{}.ktape", i)));
    std::string from = KTAPE_REFERENCE_TAPE, to = command.back();
    if (std::system(fmt::format("cp '{}' '{}'", from, to).c_str()) != 0)
      return state.SkipWithError("cannot copy");
  }
  for (auto _ : state) {
    start(command);
    if (const int status = end_of_one(); status != 0)
      return state.SkipWithError(fmt::format("ktape check ended with status {}", status).c_str());
  }
}

}  // namespace

int main(int count, char** arguments) {
  const auto add = [](const std::string& name, auto run, size_t tapes) {
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { run(state, tapes); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  };
  add("check-reference/floor", &start_nothing, 1);
  add("check-reference/ours", &check, 1);
  for (const size_t tapes : {1, 10, 100}) {
    add(fmt::format("check-tapes/{}/floor", tapes), &start_nothing, tapes);
    add(fmt::format("check-tapes/{}/ours", tapes), &check, tapes);
  }
  benchmark::Initialize(&count, arguments);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
