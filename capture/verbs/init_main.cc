// SPDX-License-Identifier: Apache-2.0

// ktape-init: writes a scenario to start from.

#include <fmt/format.h>

#include "capture/verbs/new_scenario.h"
#include "schema/base/command/command_line.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/exit_code.h"

namespace ktape {
namespace {

constexpr char kProgram[] = "ktape init";

constexpr char kDescription[] =
    R"(Writes NAME.scenario to the current folder: a scenario to start from, with a comment for every
part. `ktape capture` runs it as it is. A file that exists is never overwritten.)";

constexpr char kFooter[] = R"(Examples:
  ktape init mine
  ktape capture mine.scenario && ktape check mine.ktape

Exit status: 0 written; 2 usage error, or the file already exists; 4 it cannot be written)";

Result<ExitCode> init(const std::string& asked) {
  KTAPE_ASSIGN(const std::string name, new_scenario_name(asked));
  KTAPE_ASSIGN(const std::string path, write_new_scenario(name));
  KTAPE_TRY(write_output(fmt::format("wrote    {0}\nnext     ktape capture {0}\n", path)));
  KTAPE_TRY(flush_output());
  return ExitCode::kGood;
}

int run(int argc, char** argv) {
  std::string name;
  Program program(kProgram, kDescription, kFooter);
  program.add("NAME", name, "Name of the scenario; its tapes are named after it").required();
  return program.run(argc, argv, [&] { return init(name); });
}

}  // namespace
}  // namespace ktape

int main(int argc, char** argv) { return ktape::run(argc, argv); }
