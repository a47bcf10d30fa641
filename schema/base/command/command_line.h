// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/exit_code.h"
#include "schema/base/result.h"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 names it so
class App;
class Option;
}  // namespace CLI

namespace ktape {

// The command line of a program, parsed by CLI11. Only command_line.cc includes CLI11: it takes
// seconds to compile, and every verb and assertion is a program.

// An option or a positional argument that is being described. A handle, valid as long as its
// program.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option required();
  // The name of its value in --help: what a user is to put there, such as FILE, PROGRAM or N.
  Option value_name(const std::string& name);
  // A number in this range; --help shows "N (1 to 64)".
  Option range(int64_t min, int64_t max, const char* unit = "N");
  Option range(double min, double max, const char* unit);
  // One of two or more words; --help shows "auto|kvm|tcg".
  Option one_of(const std::vector<std::string>& words);
  // Words that completions offer for its value, which may be others.
  Option suggests(const std::vector<std::string>& words);
  Option excludes(Option other);
  // The default that --help shows: this text, or the variable's value.
  Option shows_default(const std::string& text);
  Option shows_default();
  // May be given several times, with one value each time.
  Option repeated();

  // Valid after the command line was parsed.
  [[nodiscard]] size_t count() const;
  [[nodiscard]] std::string value() const;

 private:
  CLI::Option* option_;
};

// The options of a program, or of one of its verbs. `names` is "-j,--jobs", or "TAPE" for a
// positional argument; --help lists them in the order in which they are added. `to` outlives the
// parsing, and keeps its value if the option is not given. Values are converted when the line is
// parsed; a value that is none of its kind is a usage error that names the option.
class CommandLine {
 public:
  Option add(const char* names, std::string& to, const std::string& help);
  Option add(const char* names, std::vector<std::string>& to, const std::string& help);
  Option add(const char* names, int32_t& to, const std::string& help);
  Option add(const char* names, uint32_t& to, const std::string& help);
  Option add(const char* names, int64_t& to, const std::string& help);
  Option add(const char* names, uint64_t& to, const std::string& help);
  Option add(const char* names, std::optional<uint64_t>& to, const std::string& help);
  Option add(const char* names, double& to, const std::string& help);
  Option add_flag(const char* names, bool& to, const std::string& help);
  // Without a variable: see Option::count() and value().
  Option add(const char* names, const std::string& help);
  Option add_flag(const char* names, const std::string& help);

 protected:
  explicit CommandLine(CLI::App* app) : app_(app) {}
  CLI::App* app_;
};

// The frame of a program's main().
class Program : public CommandLine {
 public:
  // `name` is the name that users see: "ktape show". `version_name` is the one that --version
  // prints.
  Program(const std::string& name, const std::string& help, const std::string& footer,
          const std::string& version_name = "ktape");
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // A verb of the program; the user has to give one of them.
  class Verb : public CommandLine {
   public:
    explicit Verb(CLI::App* app) : CommandLine(app) {}
    [[nodiscard]] bool given() const;
  };
  Verb add_verb(const char* name, const std::string& help, const std::string& footer);

  // Sets the options' variables. Returns the text that --help or --version print; empty: the
  // program continues. kUsage for a mistake, reported as "--jobs: got '0', expected 1 to 8", with
  // the hint naming the nearest option for one that does not exist.
  [[nodiscard]] Result<std::string> parse(int argc, const char* const* argv);
  [[nodiscard]] std::string help() const;

  // Of the program and its verbs, as CLI11 writes them; for tests and completions.
  [[nodiscard]] std::vector<std::string> option_names() const;

  // Parses, and prints the help, the version, or the mistake. If it returns an exit status, the
  // program ends with it.
  [[nodiscard]] std::optional<int> begin(int argc, const char* const* argv);
  // The exit status of a result. An error is reported on standard error.
  [[nodiscard]] int end(const Result<ExitCode>& result) const;

  // Both, and between them `run`, a function without arguments that returns Result<ExitCode>.
  template <typename Run>
  int run(int argc, char** argv, const Run& run) {
    if (const std::optional<int> status = begin(argc, argv)) return *status;
    return end(run());
  }

 private:
  std::string name_;
  std::unique_ptr<CLI::App> owned_;
};

}  // namespace ktape
