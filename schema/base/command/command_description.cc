// SPDX-License-Identifier: Apache-2.0
#include "schema/base/command/command_description.h"

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "schema/base/json_writer.h"

namespace ktape {

namespace {

void write_option(JsonWriter& json, const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  if (option.get_positional()) names = {option.get_name()};
  std::vector<std::string> excludes;
  for (const CLI::Option* other : option.get_excludes()) excludes.push_back(other->get_name());
  const bool flag = option.get_items_expected_max() == 0;
  json.object().key("names").values(names);
  json.field("description", option.get_description());
  json.field("value", flag ? std::string() : option.get_type_name());
  const std::string words = option.get_option_text();
  json.key("words").values(words.empty() ? std::vector<std::string>()
                                         : CLI::detail::split(words, ' '));
  json.field("default", option.get_default_str());
  json.key("excludes").values(excludes);
  json.field("flag", flag).field("required", option.get_required());
  json.field("several", option.get_expected_max() > 1).end();
}

void write_app(JsonWriter& json, const CLI::App& app) {
  json.object().field("name", app.get_name()).field("description", app.get_description());
  json.field("footer", app.get_footer());
  for (const bool positional : {true, false}) {
    json.key(positional ? "positionals" : "options").list();
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_positional() == positional) write_option(json, *option);
    }
    json.end();
  }
  json.key("commands").list();
  for (const CLI::App* command : app.get_subcommands({})) write_app(json, *command);
  json.end().end();
}

}  // namespace

std::string command_description(const CLI::App& app) {
  JsonWriter json;
  write_app(json, app);
  return json.take() + "\n";
}

}  // namespace ktape
