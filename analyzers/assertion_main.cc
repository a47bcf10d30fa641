// SPDX-License-Identifier: Apache-2.0

#include "analyzers/assertion_main.h"

#include <cstdio>

#include "schema/base/command/command_line.h"
#include "schema/base/command/standard_output.h"

namespace {

constexpr char kFooter[] =
    R"(Prints KTAP: the findings, each with the sequence number of the record that proves it
(`ktape show` lists the records), what the recorder lost, and one result: ok, not ok, or
ok with # SKIP inconclusive.

Exit status: 0 pass, 1 violated, 77 inconclusive, 2 usage, 3 the tape is altered or
unusable.)";

ktape::Result<ktape::ExitCode> run(const std::string& path, ktape::Assertion& assertion) {
  KTAPE_ASSIGN(auto tape, ktape::TapeReader::open(path));
  KTAPE_ASSIGN(ktape::TapeFacts facts, ktape::evaluate(*tape, assertion));
  KTAPE_TRY(ktape::write_output(ktape::ktap(facts, assertion)));
  KTAPE_TRY(ktape::flush_output());
  return ktape::exit_code(assertion.verdict());
}

// The arguments of an assertion as options, and the values given for them.
class ArgumentOptions {
 public:
  // The assertion outlives the options, whose `take` refers to it.
  ArgumentOptions(ktape::Assertion& assertion, ktape::CommandLine& program)
      : assertion_(assertion), arguments_(assertion.arguments()) {
    for (const ktape::Argument& argument : arguments_) {
      const std::string help = argument.help + (argument.required ? "; required" : "");
      const char* name = argument.name.c_str();
      ktape::Option option = argument.value.empty()
                                 ? program.add_flag(name, help)
                                 : program.add(name, help).value_name(argument.value);
      options_.push_back(option);
    }
  }

  // Passes the values to the assertion. Returns an error for a wrong one; a missing one is also
  // reported in KTAP for `ktape check`.
  ktape::Result<void> take() const {
    std::vector<std::string> missing;
    for (size_t i = 0; i < arguments_.size(); ++i) {
      const ktape::Argument& argument = arguments_[i];
      if (options_[i].count() > 0) {
        // In the order of the assertion's list, not of the command line.
        KTAPE_TRY(argument.take(argument.value.empty() ? "" : options_[i].value()));
      } else if (argument.required) {
        missing.push_back(argument.name);
      }
    }
    if (missing.empty()) return {};
    // On standard output and as an error: a person sees what is missing, `ktape check` that it was
    // not asked.
    std::fputs(ktape::ktap_lacking(assertion_, missing).c_str(), stdout);
    return ktape::Error{ktape::ErrorCode::kUsage, "it needs " + missing.front(),
                        "see '--help' for the arguments"};
  }

 private:
  ktape::Assertion& assertion_;
  std::vector<ktape::Argument> arguments_;
  std::vector<ktape::Option> options_;
};

}  // namespace

int ktape::assertion_main(Assertion& assertion, int argc, char** argv) {
  const std::string name = "ktape-assert-" + std::string(assertion.name());
  Program program(name, std::string(assertion.help()), kFooter, name);
  std::string path;
  program.add("TAPE", path, "A tape, or the .partial left by a recorder").required();
  const ArgumentOptions arguments(assertion, program);
  return program.run(argc, argv, [&]() -> Result<ExitCode> {
    KTAPE_TRY(arguments.take());
    return run(path, assertion);
  });
}
