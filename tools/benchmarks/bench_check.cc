// SPDX-License-Identifier: Apache-2.0
// `check-reference`: `ktape check` of the reference scenario's tape with every assertion, beside
// the same number of processes that do nothing, equally parallel. `check-tapes/N`: the same with N
// tapes.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <iterator>
#include <list>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "schema/base/process.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace {

using ktape::test::must;

// Programs whose output is discarded.
class Programs {
 public:
  void start(const std::vector<std::string>& command) {
    running_.push_back(
        must(ktape::Process::start({.program = command[0],
                                    .arguments = {command.begin() + 1, command.end()},
                                    .output = nowhere_.get()})));
  }

  // Waits for one of them; returns its exit status.
  int end_of_one() {
    std::vector<pollfd> ends;
    for (const ktape::Process& process : running_) ends.push_back({process.exit_fd(), POLLIN, 0});
    if (poll(ends.data(), ends.size(), -1) < 0) throw std::runtime_error("cannot wait");
    const auto ended =
        std::ranges::find_if(ends, [](const pollfd& end) { return end.revents != 0; });
    const auto process = std::next(running_.begin(), ended - ends.begin());
    must(process->wait());
    const int status = *process->status();
    running_.erase(process);
    if (!WIFEXITED(status)) throw std::runtime_error("a program failed");
    return WEXITSTATUS(status);
  }

 private:
  ktape::UniqueFd nowhere_{open("/dev/null", O_WRONLY | O_CLOEXEC)};
  std::list<ktape::Process> running_;
};

// The programs that `ktape check` runs.
size_t assertions() {
  glob_t found{};
  if (glob(KTAPE_BIN "/ktape-assert-*", 0, nullptr, &found) != 0)
    throw std::runtime_error("no assertions");
  const size_t count = found.gl_pathc;
  globfree(&found);
  return count;
}

// Each assertion and tape is a process, and so is `ktape check` itself.
void start_nothing(benchmark::State& state, size_t tapes) {
  const size_t processes = 1 + tapes * assertions();
  const size_t at_once = std::max(1u, std::thread::hardware_concurrency());
  Programs programs;
  for (auto _ : state) {
    for (size_t i = 0; i < processes; ++i) {
      if (i >= at_once) programs.end_of_one();
      programs.start({KTAPE_BENCHMARKS "/bench_nothing"});
    }
    for (size_t i = 0; i < std::min(at_once, processes); ++i) programs.end_of_one();
  }
}

void check(benchmark::State& state, size_t tapes) {
  // The same tape under several names; it is judged once for each file.
  const ktape::test::TempDir folder;
  std::vector<std::string> command = {KTAPE_BIN "/ktape", "check"};
  for (size_t i = 0; i < tapes; ++i) {
    command.push_back(folder.file(fmt::format("{}.ktape", i)));
    std::string from = KTAPE_REFERENCE_TAPE, to = command.back();
    if (std::system(fmt::format("cp '{}' '{}'", from, to).c_str()) != 0)
      return state.SkipWithError("cannot copy");
  }
  Programs programs;
  for (auto _ : state) {
    programs.start(command);
    if (const int status = programs.end_of_one(); status != 0)
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
