// SPDX-License-Identifier: Apache-2.0
#include "tools/benchmarks/guest_run.h"

#include <fmt/format.h>

#include "capture/record/recorder.h"
#include "capture/verbs/kernel_command_line.h"
#include "capture/verbs/kernel_source.h"
#include "capture/verbs/scenario_source.h"
#include "guest/kernel/image/kernel_image.h"
#include "schema/scenario/load.h"
#include "schema/tape/writing/writer.h"

namespace ktape::bench {

namespace {

constexpr uint32_t kWarmUpRequests = 4;

class Silence final : public Progress {
 public:
  void say(const std::string&) override {}
  void now(const std::string&) override {}
};

// Reads of the four kinds in turn: a task with its gates, per-CPU values of two types, a symbol.
constexpr const char* kTargets[] = {
    "target = (task = (worker = \"sleeper\"), path = \"scx.dsq_vtime\"), read = u64",
    "target = (perCpu = (symbol = \"runqueues\", cpu = 0), path = \"nr_running\"), read = u32",
    "target = (symbol = \"jiffies_64\"), read = u64",
    "target = (perCpu = (symbol = \"runqueues\", cpu = 0), path = \"scx.nr_running\"), read = u32",
};

std::string request_text(uint32_t request, uint32_t entries) {
  std::string text;
  for (uint32_t i = 0; i < entries; ++i) {
    text += fmt::format("(op = (entry = (tag = \"r{}_{}\", {}))),\n", request, i,
                        kTargets[i % std::size(kTargets)]);
  }
  // So that two requests are not merged.
  return text + "(sleepMs = 0),\n";
}

std::string scenario_text(const GuestOptions& options) {
  std::string workers = "(name = \"sleeper\", policy = normal, phases = [(sleepMs = 6000000)]),\n";
  for (uint32_t cpu = 0; options.busy && cpu < options.cpus; ++cpu) {
    workers += fmt::format(
        "(name = \"spinner{0}\", policy = normal, cpus = [{0}], phases = [(spinMs = 6000000)]),\n",
        cpu);
  }
  std::string requests = "(hold = void)";
  if (options.requests > 0) requests.clear();
  for (uint32_t i = 0; options.requests > 0 && i < options.requests + kWarmUpRequests; ++i)
    requests += request_text(i, options.entries);
  return fmt::format(R"((
  name = "benchmark", durationMs = 600000, watchdogMs = 700000,
  machine = (cpus = {}, memoryMb = {}),
  scheduler = (vtime = (switchMode = full)),
  workers = [{}],
  steps = [
    (name = "settle", actions = [(wait = (worker = "sleeper", state = sleeping)), (sleepMs = 1000)]),
    (name = "measure", actions = [{}]),
  ],
))",
                     options.cpus, options.memory_mb, workers, requests);
}

}  // namespace

Result<RunEnd> run_guest(const GuestOptions& options, const std::function<void(Guest&)>& prepare,
                         const std::function<void(Guest&)>& when_over) {
  KTAPE_ASSIGN(const LoadedScenario scenario,
               parse_scenario("benchmark.scenario", scenario_text(options)));
  KTAPE_ASSIGN(const KernelSource source, find_kernel(options.kernel));
  KTAPE_ASSIGN(const KernelImage image, load_kernel_image(source.path));
  KTAPE_ASSIGN(const std::shared_ptr<const KernelKnowledge> knowledge, learn_kernel(image.vmlinux));
  KTAPE_ASSIGN(const std::string data, data_folder());
  KTAPE_ASSIGN(const std::unique_ptr<TapeWriter> writer,
               TapeWriter::create(options.scratch + "/benchmark.ktape"));
  MachineConfig config;
  config.accelerator = options.accelerator;
  config.cpus = options.cpus;
  config.memory_bytes = uint64_t{options.memory_mb} << 20;
  config.kernel_path = source.path;
  config.initramfs_path = data + "/initramfs.cpio.zst";
  config.command_line = kernel_command_line({});
  KTAPE_ASSIGN(const std::unique_ptr<QemuMachine> machine, QemuMachine::start(config));
  FreezePlan freezes;
  KTAPE_ASSIGN(freezes.triggers, plan_triggers({}, *knowledge, scenario.get()));
  Probe probe(*machine, options.cpus, kWarmUpRequests);
  Guest guest{*machine, knowledge, probe};
  prepare(guest);
  Recorder recorder(*writer);
  Silence silence;
  Engine engine(probe, recorder, silence, knowledge, scenario.get(), options.memory, freezes);
  Result<RunEnd> end = engine.run({});
  writer->discard();
  when_over(guest);
  return end;
}

}  // namespace ktape::bench
