// SPDX-License-Identifier: Apache-2.0

// ktape-kernel: shows what ktape would use of a kernel image.

#include <fmt/format.h>

#include "capture/verbs/kernel_inspection.h"
#include "capture/verbs/kernel_source.h"
#include "capture/verbs/scenario_source.h"
#include "schema/base/command_line.h"
#include "schema/base/exit_code.h"
#include "schema/base/standard_output.h"
#include "schema/scenario/load.h"

namespace ktape {
namespace {

constexpr char kProgram[] = "ktape kernel";
constexpr char kDefaultScenario[] = "cold_path_roundtrip";

constexpr char kDescription[] = "Inspects a kernel image without booting it.";

constexpr char kInspectDescription[] =
    R"(Shows what ktape would use of a kernel image: release and build-id, whether it has sched_ext,
type information (BTF) and symbols, HZ and preemption model, options a guest needs that are not
built in, the layout of the fields a scenario names, and the scenario's ops and freeze triggers
that this kernel cannot serve. Nothing is booted.)";

constexpr char kFooter[] = R"(Examples:
  ktape kernel inspect 7.3.4
  ktape kernel inspect /boot/vmlinuz-$(uname -r) --scenario my.scenario
  ktape kernel inspect ~/linux/vmlinux --json | jq .layouts

Exit status: 0 ktape can use the kernel; 2 usage or scenario error; 3 not a kernel, or one that
ktape cannot use: the last lines, and 'unusable' in the --json output, say why)";

struct Options {
  std::string image;
  std::string scenario = kDefaultScenario;
  bool json = false;
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
  return kernel.unusable.empty() ? ExitCode::kGood : ExitCode::kBadInput;
}

int run(int argc, char** argv) {
  Options options;
  Program program(kProgram, kDescription, kFooter);
  Program::Verb verb = program.add_verb("inspect", kInspectDescription, kFooter);
  verb.add("IMAGE", options.image,
           "A cached kernel version ('tools/kernel list'), or the path of a bzImage or vmlinux")
      .required();
  verb.add("--scenario", options.scenario,
           "Scenario whose fields to look up: a file, or the name of a shipped one")
      .shows_default();
  verb.add_flag("--json", options.json, "Print one JSON object");
  return program.run(argc, argv, [&] { return inspect(options); });
}

}  // namespace
}  // namespace ktape

int main(int argc, char** argv) { return ktape::run(argc, argv); }
