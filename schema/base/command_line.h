// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/exit_code.h"
#include "schema/base/usage_text.h"

namespace ktape {

// Help in which an option's values read as people write them: "--accel auto|kvm|tcg", "--cpus N (1
// to 64)".
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text;
    const std::string values = option_values(option->get_type_name());
    const bool told = values.empty() || (option->get_positional() && values == "TEXT");
    if (!told) text += " " + values;
    if (!option->get_default_str().empty()) text += " (default " + option->get_default_str() + ")";
    if (option->get_expected_max() > 1) text += " ...";
    for (const CLI::Option* other : option->get_excludes())
      text += " (not with " + other->get_name() + ")";
    return text;
  }
};

inline std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) names.push_back(option->get_name());
  for (const CLI::App* verb : app.get_subcommands({})) {
    for (const CLI::Option* option : verb->get_options()) names.push_back(option->get_name());
  }
  return names;
}

// Parses the command line of a program whose app has the name that users know it by. An exit status
// when the program is over with that: 0 after --help and --version, kUsage after a mistake, which
// is told as "ktape capture: ..." with where to look.
inline std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
  const auto formatter = std::make_shared<HelpFormatter>();
  app.formatter(formatter);
  for (CLI::App* verb : app.get_subcommands({})) verb->formatter(formatter);
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(e);
    // Something may be missing only because what stands there is not known.
    const std::vector<std::string> unknown = app.remaining(true);
    const auto is = [&](CLI::ExitCodes code) {
      return e.get_exit_code() == static_cast<int>(code);
    };
    const bool blamed =
        !unknown.empty() && (is(CLI::ExitCodes::ExtrasError) || is(CLI::ExitCodes::RequiredError));
    Error error = blamed ? unexpected_arguments(unknown, option_names(app)) : usage_error(e.what());
    if (error.hint.empty()) error.hint = "'" + app.get_name() + " --help' says what it takes";
    std::fputs(describe(app.get_name(), error).c_str(), stderr);
    return static_cast<int>(ExitCode::kUsage);
  }
}

// The status that a program is over with; what went wrong is told on standard error.
inline int exit_status(const char* program, const Result<ExitCode>& result) {
  if (result.ok()) return static_cast<int>(*result);
  std::fputs(describe(program, result.error()).c_str(), stderr);
  return static_cast<int>(exit_code(result.error()));
}

// The frame of a program. `name`: as users know it, "ktape show"; it and the texts outlive the
// program.
class Program {
 public:
  Program(const char* name, const char* help, const char* footer)
      : name_(name), app_(std::string(help) + "\n", name) {
    app_.footer(footer);
    app_.set_version_flag("--version", std::string("ktape ") + KTAPE_VERSION);
  }

  // What it takes is added to this.
  [[nodiscard]] CLI::App& app() { return app_; }

  // The exit status: of `run`, a function without arguments that returns Result<ExitCode>, or of a
  // command line that does not get that far.
  template <typename Run>
  int run(int argc, char** argv, const Run& run) {
    if (const std::optional<int> status = parse_command_line(app_, argc, argv)) return *status;
    return exit_status(name_, run());
  }

 private:
  const char* name_;
  CLI::App app_;
};

}  // namespace ktape
