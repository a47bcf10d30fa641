// SPDX-License-Identifier: Apache-2.0
#include "schema/base/command/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <span>
#include <sstream>
#include <string_view>

#include "schema/base/command/command_description.h"
#include "schema/base/command/pager.h"
#include "schema/base/nearest.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr size_t kHelpColumns = 100;

// Options stand left of their texts, which are as wide as is left of 100 columns. A line break of a
// text stays where it ends a sentence or a clause.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool positional) const override {
    return entry(make_option_name(option, positional) + make_option_opts(option),
                 option->get_description());
  }

  std::string make_subcommand(const CLI::App* verb) const override {
    return entry(verb->get_name(), verb->get_description());
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text;
    const std::string values = option->get_type_name();
    // "TEXT" says nothing about a positional argument, whose own name does.
    const bool is_known = values.empty() || (option->get_positional() && values == "TEXT");
    if (!is_known) text += " " + values;
    if (!option->get_default_str().empty()) text += " (default " + option->get_default_str() + ")";
    if (option->get_expected_max() > 1) text += " ...";
    for (const CLI::Option* other : option->get_excludes())
      text += " (not with " + other->get_name() + ")";
    return text;
  }

 private:
  [[nodiscard]] std::string entry(const std::string& name, const std::string& text) const {
    std::string lines = "  " + name;
    size_t column = lines.size();
    const auto next_line = [&] {
      lines += "\n" + std::string(column_width_, ' ');
      column = column_width_;
    };
    if (column < column_width_) {
      lines.append(column_width_ - column, ' ');
      column = column_width_;
    } else if (!text.empty()) {
      next_line();
    }
    std::istringstream words(text);
    bool ends = false;  // the word before is the last one of its line
    for (std::string word; words >> word; ends = words.peek() == '\n' && ends_clause(word)) {
      const bool first = column == column_width_;
      if (ends || (!first && column + 1 + word.size() > kHelpColumns)) {
        next_line();
      } else if (!first) {
        lines += " ";
        ++column;
      }
      lines += word;
      column += word.size();
    }
    return lines.substr(0, lines.find_last_not_of(' ') + 1) + "\n";
  }

  static bool ends_clause(const std::string& word) {
    return word.ends_with('.') || word.ends_with(';') || word.ends_with(':');
  }
};

// {"auto", "kvm", "tcg"} -> "auto, kvm or tcg"
std::string alternatives(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += &word == &words.back() ? " or " : ", ";
    text += word;
  }
  return text;
}

// The app and the verb that the user gave: the arguments went to these.
std::vector<const CLI::App*> parsed_apps(const CLI::App& app) {
  std::vector<const CLI::App*> apps = {&app};
  for (const CLI::App* verb : app.get_subcommands()) apps.push_back(verb);
  return apps;
}

// Their options, in CLI11's order.
std::vector<const CLI::Option*> parsed_options(const CLI::App& app) {
  std::vector<const CLI::Option*> options;
  for (const CLI::App* parsed : parsed_apps(app)) {
    for (const CLI::Option* option : parsed->get_options()) options.push_back(option);
  }
  return options;
}

bool is(const CLI::ParseError& cause, CLI::ExitCodes code) {
  return cause.get_exit_code() == static_cast<int>(code);
}

// Names of the options of the app and of its verbs.
std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) names.push_back(option->get_name());
  for (const CLI::App* verb : app.get_subcommands({})) {
    for (const CLI::Option* option : verb->get_options()) names.push_back(option->get_name());
  }
  return names;
}

Error no_such_verb(const std::string& name, const CLI::App& app) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  const std::string near = did_you_mean(name, verbs);
  return {ErrorCode::kUsage, "there is no subcommand " + in_quotes(name),
          near.empty() ? "give " + alternatives(verbs) : near};
}

// The error for arguments that a program does not expect: an option is reported before a positional
// argument, which may be its value.
Error unexpected_arguments(std::span<const std::string> arguments, const CLI::App& app) {
  const auto is_option = [](const std::string& argument) { return argument.starts_with('-'); };
  const auto option = std::ranges::find_if(arguments, is_option);
  if (option == arguments.end()) {
    const bool lacks_verb = app.get_require_subcommand_min() > app.get_subcommands().size();
    if (lacks_verb) return no_such_verb(arguments.front(), app);
    return {ErrorCode::kUsage, "unexpected argument " + in_quotes(arguments.front()), ""};
  }
  const std::string name = option->substr(0, option->find('='));
  return {ErrorCode::kUsage, "unknown option " + in_quotes(name),
          did_you_mean(name, option_names(app))};
}

// The option that the last word names without giving its value; nullptr for none.
const CLI::Option* without_value(const CLI::App& app, std::string_view last_word) {
  if (!last_word.starts_with('-')) return nullptr;
  const CLI::App& parsed = *parsed_apps(app).back();
  const std::vector<CLI::Option*>& order = parsed.parse_order();
  // It may itself be the value of the option before it. parse_order() has each option that got a
  // value.
  if (!order.empty() && order.back()->results().back() == last_word) return nullptr;
  // "--at=" has no value either; a name with a value after the '=' matches no option.
  if (last_word.ends_with('=')) last_word.remove_suffix(1);
  const CLI::Option* option = parsed.get_option_no_throw(std::string(last_word));
  return option != nullptr && option->get_items_expected_min() > 0 ? option : nullptr;
}

// CLI11 throws this if an option's value is missing, and if it has too many.
std::string argument_mismatch(const CLI::App& app, std::string_view last_word,
                              const std::string& said) {
  if (const CLI::Option* option = without_value(app, last_word))
    return option->get_name() + " needs a value";
  for (const CLI::Option* option : parsed_options(app)) {
    // CLI11's word for an option that takes one value and got more.
    if (option->get_multi_option_policy() != CLI::MultiOptionPolicy::Throw) continue;
    if (option->get_items_expected_max() > 1 || option->count() < 2) continue;
    return option->get_name() + " is given " + std::to_string(option->count()) +
           " times, but takes one value";
  }
  return said;
}

// Values are converted in the order of the options: the last conversion that began has failed.
std::string conversion_error(const CLI::App& app, const std::string& said) {
  const CLI::Option* failed = nullptr;
  for (const CLI::Option* option : parsed_options(app)) {
    // CLI11 sets this flag before it converts.
    if (option->get_callback_run()) failed = option;
  }
  if (failed == nullptr) return said;
  return failed->get_name() + ": got " + in_quotes(CLI::detail::join(failed->results())) +
         ", expected a number";
}

std::string excludes_error(const CLI::App& app, const std::string& said) {
  for (const CLI::Option* option : parsed_options(app)) {
    if (option->count() == 0) continue;
    for (const CLI::Option* other : option->get_excludes()) {
      if (other->count() > 0)
        return option->get_name() + " and " + other->get_name() + " exclude each other";
    }
  }
  return said;
}

// The error of a command line that `app` could not parse. `last_word` is its last word.
Error usage_error(const CLI::App& app, const CLI::ParseError& cause, std::string_view last_word) {
  using Code = CLI::ExitCodes;
  // Something may be missing only because an argument in its place was not recognised. An unknown
  // option leaves its value as an unexpected argument, and that as a missing one.
  const std::vector<std::string> unknown = app.remaining(true);
  if (!unknown.empty() && (is(cause, Code::ExtrasError) || is(cause, Code::RequiredError)))
    return unexpected_arguments(unknown, app);
  std::string text = cause.what();
  if (is(cause, Code::ArgumentMismatch)) text = argument_mismatch(app, last_word, text);
  if (is(cause, Code::ConversionError)) text = conversion_error(app, text);
  if (is(cause, Code::ExcludesError)) text = excludes_error(app, text);
  return {ErrorCode::kUsage, text, ""};
}

std::string plain(int64_t number) { return std::to_string(number); }

// 0.001 and 1000000, as people write them.
std::string plain(double number) {
  char text[64];
  const auto [end, error] =
      std::to_chars(text, text + sizeof text, number, std::chars_format::fixed);
  return error == std::errc() ? std::string(text, end) : std::to_string(number);
}

// CLI11 checks the text before it is converted.
template <typename T>
void limit(CLI::Option* option, T min, T max, const char* unit) {
  const CLI::Range range(min, max);
  const std::string expected = plain(min) + " to " + plain(max);
  // The bounds are a part of the message, since CLI11's own would have them without the value.
  const auto mistake = [range, expected](const std::string& value) {
    return range(value).empty() ? "" : "got " + in_quotes(value) + ", expected " + expected;
  };
  option->type_name(std::string(unit) + " (" + expected + ")")->check(mistake);
}

// CLI11 takes "-1" for a 64-bit unsigned number, as strtoull() does.
CLI::Option* not_negative(CLI::Option* option) {
  return option->check([](const std::string& value) {
    return value.starts_with('-') ? "got " + in_quotes(value) + ", expected a number" : "";
  });
}

}  // namespace

Option Option::required() {
  option_->required();
  return *this;
}

Option Option::value_name(const std::string& name) {
  option_->type_name(name);
  return *this;
}

Option Option::range(int64_t min, int64_t max, const char* unit) {
  limit(option_, min, max, unit);
  return *this;
}

Option Option::range(double min, double max, const char* unit) {
  limit(option_, min, max, unit);
  return *this;
}

Option Option::one_of(const std::vector<std::string>& words) {
  const auto mistake = [words](const std::string& value) {
    return std::ranges::find(words, value) != words.end()
               ? ""
               : "got " + in_quotes(value) + ", expected " + alternatives(words);
  };
  option_->type_name(CLI::detail::join(words, "|"))->check(mistake);
  return *this;
}

// CLI11 keeps this text for a formatter of its own; ours leaves it out.
Option Option::suggests(const std::vector<std::string>& words) {
  option_->option_text(CLI::detail::join(words, " "));
  return *this;
}

Option Option::excludes(Option other) {
  option_->excludes(other.option_);
  return *this;
}

Option Option::shows_default(const std::string& text) {
  option_->default_str(text);
  return *this;
}

Option Option::shows_default() {
  option_->capture_default_str();
  return *this;
}

Option Option::repeated() {
  // Otherwise "--option a b c" would take all three words.
  option_->allow_extra_args(false);
  return *this;
}

size_t Option::count() const { return option_->count(); }
std::string Option::value() const { return option_->as<std::string>(); }

Option CommandLine::add(const char* names, std::string& to, const std::string& help) {
  return Option(app_->add_option(names, to, help));
}
Option CommandLine::add(const char* names, std::vector<std::string>& to, const std::string& help) {
  return Option(app_->add_option(names, to, help));
}
Option CommandLine::add(const char* names, int32_t& to, const std::string& help) {
  return Option(app_->add_option(names, to, help));
}
Option CommandLine::add(const char* names, uint32_t& to, const std::string& help) {
  return Option(app_->add_option(names, to, help));
}
Option CommandLine::add(const char* names, int64_t& to, const std::string& help) {
  return Option(app_->add_option(names, to, help));
}
Option CommandLine::add(const char* names, uint64_t& to, const std::string& help) {
  return Option(not_negative(app_->add_option(names, to, help)));
}
Option CommandLine::add(const char* names, std::optional<uint64_t>& to, const std::string& help) {
  return Option(not_negative(app_->add_option(names, to, help)));
}
Option CommandLine::add(const char* names, double& to, const std::string& help) {
  return Option(app_->add_option(names, to, help));
}
Option CommandLine::add_flag(const char* names, bool& to, const std::string& help) {
  return Option(app_->add_flag(names, to, help));
}
Option CommandLine::add(const char* names, const std::string& help) {
  return Option(app_->add_option(names, help));
}
Option CommandLine::add_flag(const char* names, const std::string& help) {
  return Option(app_->add_flag(names, help));
}

Program::Program(const std::string& name, const std::string& help, const std::string& footer,
                 const std::string& version_name)
    : CommandLine(new CLI::App(help + "\n", name)), name_(name), owned_(app_) {
  app_->footer(footer);
  app_->set_version_flag("--version", version_name + " " + KTAPE_VERSION);
  app_->formatter(std::make_shared<HelpFormatter>());
}

Program::~Program() = default;

Program::Verb Program::add_verb(const char* name, const std::string& help,
                                const std::string& footer) {
  app_->require_subcommand(1);
  CLI::App* verb = app_->add_subcommand(name, help);
  verb->footer(footer);
  verb->formatter(app_->get_formatter());
  return Verb(verb);
}

bool Program::Verb::given() const { return app_->parsed(); }

std::string Program::help() const { return app_->help(); }

Result<std::string> Program::parse(int argc, const char* const* argv) {
  if (argc == 2 && argv[1] == kDescribeCommand) return command_description(*app_);
  try {
    app_->parse(argc, argv);
    return std::string();
  } catch (const CLI::ParseError& cause) {
    // CLI11 throws for --help and --version, too, as a success.
    if (is(cause, CLI::ExitCodes::Success)) {
      std::ostringstream text;
      app_->exit(cause, text, text);
      return text.str();
    }
    Error error = usage_error(*app_, cause, argc > 1 ? argv[argc - 1] : "");
    if (error.hint.empty()) error.hint = "see '" + name_ + " --help'";
    return error;
  }
}

std::vector<std::string> Program::option_names() const { return ktape::option_names(*app_); }

std::optional<int> Program::begin(int argc, const char* const* argv) {
  const Result<std::string> text = parse(argc, argv);
  if (!text.ok()) return end(text.error());
  if (text->empty()) return std::nullopt;
  const Result<void> printed = print_paged(*text);
  return printed.ok() ? 0 : end(printed.error());
}

int Program::end(const Result<ExitCode>& result) const {
  if (result.ok()) return static_cast<int>(*result);
  std::fputs(describe(name_, result.error()).c_str(), stderr);
  return static_cast<int>(exit_code(result.error()));
}

}  // namespace ktape
