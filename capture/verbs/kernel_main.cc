// SPDX-License-Identifier: Apache-2.0

// ktape-kernel: shows what ktape would use of a kernel image, and gets stock kernels.

#include <fmt/format.h>

#include "capture/verbs/kernel_inspection.h"
#include "capture/verbs/kernel_script.h"
#include "capture/verbs/kernel_source.h"
#include "capture/verbs/scenario_source.h"
#include "schema/base/command/command_line.h"
#include "schema/base/command/pager.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/exit_code.h"
#include "schema/scenario/load.h"

namespace ktape {
namespace {

constexpr char kProgram[] = "ktape kernel";
constexpr char kDefaultScenario[] = "cold_path_roundtrip";

constexpr char kDescription[] = "Inspects, fetches and lists kernels. Nothing is booted.";

constexpr char kInspectDescription[] =
    R"(Shows what ktape would use of a kernel image: release and build-id, whether it has sched_ext,
type information (BTF) and symbols, HZ and preemption model, options a guest needs that are not
built in, the layout of the fields a scenario names, and the scenario's ops and freeze triggers
that this kernel cannot serve. Nothing is booted.)";

constexpr char kFetchDescription[] =
    R"(Downloads a stock Debian kernel into the cache, from the mirror that apt uses on this
host, and prints the path of its bzImage. 7.3.4 is the cloud kernel of that version,
7.3.4-rt the one with PREEMPT_RT, 7.3.4-generic the one for all hardware. A cached kernel
is checked, and fetched again if it is damaged.)";

constexpr char kFetchFooter[] = R"(Examples:
  ktape kernel fetch 7.3.4
  ktape kernel fetch 7.3-rt

The cache is ${XDG_CACHE_HOME:-~/.cache}/ktape/kernels. A cached kernel needs no network.
Exit status: 0 the kernel is in the cache; 2 the mirror has no such kernel, or usage error;
4 there is no mirror, or the host lacks something)";

constexpr char kListDescription[] =
    R"(Lists kernels: those in the cache, those that can be fetched from the mirror, and this
host's in /boot. SCHED_EXT says whether a scheduler can run, STATE where the kernel is,
TRIED what ktape's developers found when they tried it. Without a network, the list has only
the kernels that are on this host.)";

constexpr char kListFooter[] = R"(STATE is
  cached      in the cache
  available   on the mirror: 'ktape kernel fetch VERSION' gets it
  host        in /boot, and running: '--kernel host' takes it
  boot        in /boot: '--kernel VERSION' takes it
  unreadable  in /boot, but this user may not read it: 'sudo chmod a+r PATH'

TRIED is empty for a kernel that was not tried, or
  captured, 9 of 9            a capture completed, and 9 of 9 assertions passed
  replayed                    'ktape replay' found no differences
  own scheduler               ktape's own scheduler ran in the capture
  scx_simple of 7.3,6.12      so did the kernel's example scheduler, as built from these series

Exit status: 0 listed; 2 usage error; 4 the cache cannot be written)";

constexpr char kFooter[] = R"(Examples:
  ktape kernel list
  ktape kernel fetch 7.3.4
  ktape kernel inspect 7.3.4

'ktape kernel SUBCOMMAND --help' explains a subcommand.)";

constexpr char kInspectFooter[] = R"(Examples:
  ktape kernel inspect 7.3.4
  ktape kernel inspect /boot/vmlinuz-$(uname -r) --scenario my.scenario
  ktape kernel inspect ~/linux/vmlinux --json | jq .layouts

Exit status: 0 ktape can use the kernel; 2 usage or scenario error; 3 not a kernel, or one that
ktape cannot use: the last lines, and 'unusable' in the --json output, say why)";

struct Options {
  std::string image;
  std::string scenario = kDefaultScenario;
  bool json = false;
  std::string version;  // to fetch; empty: the default
  std::string mirror;   // empty: the one of this host's apt
};

Result<ExitCode> inspect(const Options& options) {
  KTAPE_ASSIGN(const std::string path, find_scenario(options.scenario));
  KTAPE_ASSIGN(const LoadedScenario scenario, load_scenario(path));
  KTAPE_ASSIGN(const KernelSource source, find_kernel(options.image));
  KTAPE_ASSIGN(const KernelImage image, load_kernel_image(source.path));
  const KernelInspection kernel = inspect_kernel(image, scenario.get());
  const std::string name = scenario.get().getName().cStr();
  const std::string text =
      options.json ? inspection_json(kernel, name) : inspection_text(kernel, name);
  KTAPE_TRY(write_output(text));
  KTAPE_TRY(flush_output());
  // The text is complete in either case; the status tells scripts.
  return kernel.unusable.empty() ? ExitCode::kGood : ExitCode::kBadInput;
}

std::vector<std::string> script_arguments(const Options& options, const char* verb) {
  std::vector<std::string> arguments;
  if (!options.mirror.empty()) arguments = {"--mirror", options.mirror};
  arguments.emplace_back(verb);
  if (!options.version.empty()) arguments.push_back(options.version);
  return arguments;
}

void add_mirror(Program::Verb& verb, Options& options) {
  verb.add("--mirror", options.mirror, "Debian mirror to use instead of the one of this host's apt")
      .value_name("URL");
}

Program::Verb add_inspect(Program& program, Options& options) {
  Program::Verb verb = program.add_verb("inspect", kInspectDescription, kInspectFooter);
  verb.add("IMAGE", options.image, kKernelHelp).required();
  verb.add("--scenario", options.scenario,
           "Scenario whose fields to look up: a file, or the name of a shipped one")
      .value_name("SCENARIO")
      .shows_default();
  verb.add_flag("--json", options.json, "Print one JSON object");
  return verb;
}

Program::Verb add_fetch(Program& program, Options& options) {
  Program::Verb verb = program.add_verb("fetch", kFetchDescription, kFetchFooter);
  verb.add("VERSION", options.version, "Version 7.3.4, or series 7.3 for its newest kernel")
      .shows_default("6.16.12, or the newest with sched_ext");
  add_mirror(verb, options);
  return verb;
}

PagerOption add_list(Program& program, Options& options) {
  Program::Verb verb = program.add_verb("list", kListDescription, kListFooter);
  add_mirror(verb, options);
  return PagerOption(verb);
}

int run(int argc, char** argv) {
  Options options;
  Program program(kProgram, kDescription, kFooter);
  const Program::Verb inspecting = add_inspect(program, options);
  const Program::Verb fetching = add_fetch(program, options);
  const PagerOption pager = add_list(program, options);
  return program.run(argc, argv, [&]() -> Result<ExitCode> {
    if (inspecting.given()) return inspect(options);
    if (fetching.given()) return run_kernel_script(script_arguments(options, "fetch"));
    return pager.paged([&] { return print_kernel_script(script_arguments(options, "list")); });
  });
}

}  // namespace
}  // namespace ktape

int main(int argc, char** argv) { return ktape::run(argc, argv); }
