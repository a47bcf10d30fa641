// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/doctor/doctor_report.h"
#include "capture/verbs/doctor/host_checks.h"
#include "capture/verbs/kernel_source.h"
#include "guest/machine/host_probe.h"
#include "schema/base/command/command_line.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/exit_code.h"
#include "schema/base/file.h"

namespace ktape {
namespace {

constexpr char kProgram[] = "ktape doctor";
constexpr size_t kMaxMeminfoBytes = 65536;

constexpr char kDescription[] =
    R"(Tests whether this host has what a capture needs, and ends with the command that fixes
what is missing.)";

constexpr char kFooter[] =
    R"(Checks QEMU and its version, memfds, KVM, memory, free space for tapes and for the cache, the
kernel, the guest's agent, the scenarios, helper programs and this user's limits. MISSING: no
capture can run. lacking: captures run, but see the hint.

Exit status: 0 a capture can run; 2 usage error; 4 the host lacks something that every
capture needs

If a kernel is cached, the KVM test briefly boots it; if KVM hangs, the test takes 20 s.)";

struct Options {
  HostProbe probe;
  std::string kernel;
  std::string output = ".";
  bool json = false;
};

std::vector<HostFact> examine(Options options) {
  const std::string name = named_kernel(options.kernel);
  const Result<KernelSource> source = find_kernel(name);
  // Without a kernel the KVM test can only open the device.
  if (source.ok()) options.probe.kernel_path = source->path;
  std::vector<HostFact> facts = probe_host(options.probe);
  const Result<std::string> meminfo = read_text_file("/proc/meminfo", kMaxMeminfoBytes);
  facts.push_back(memory_fact(meminfo.ok() ? *meminfo : ""));
  facts.push_back(limits_fact(current_limits()));
  facts.push_back(output_fact(options.output, free_bytes_at(options.output)));
  facts.push_back(cache_fact(kernel_cache_folder(), free_bytes_at(kernel_cache_folder())));
  facts.push_back(programs_fact(path_folders()));
  if (const Result<std::string> data = data_folder(); data.ok()) {
    facts.push_back(agent_fact(*data));
    facts.push_back(scenarios_fact(*data));
  }
  // With what the user asked, not its name: the hint for the default is another one.
  facts.push_back(kernel_fact(source, options.kernel));
  return facts;
}

Result<ExitCode> report(const Options& options) {
  const std::vector<HostFact> facts = examine(options);
  const std::string fix = fixing_command(facts, this_system());
  KTAPE_TRY(write_output(options.json ? doctor_json(facts, fix) : doctor_text(facts, fix)));
  KTAPE_TRY(flush_output());
  return fit_for_capture(facts) ? ExitCode::kGood : ExitCode::kHost;
}

int run(int argc, char** argv) {
  Options options;
  Program program(kProgram, kDescription, kFooter);
  program.add("-k,--kernel", options.kernel, kKernelHelp)
      .value_name("KERNEL")
      .shows_default(kDefaultKernelText);
  program.add("-o,--output", options.output, "Folder that tapes will be written to")
      .value_name("DIR")
      .shows_default();
  program.add("--qemu", options.probe.qemu_program, "The QEMU program")
      .value_name("PROGRAM")
      .shows_default();
  program.add_flag("--json", options.json, "Print one JSON object");
  return program.run(argc, argv, [&] { return report(options); });
}

}  // namespace
}  // namespace ktape

int main(int argc, char** argv) { return ktape::run(argc, argv); }
