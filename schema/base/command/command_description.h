// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 names it so
class App;
}

namespace ktape {

// The one argument at which a program prints its description instead. Not in its help: manual pages
// and completions are made of it as ktape is built (tools/packaging/make_pages.py).
constexpr std::string_view kDescribeCommand = "--describe-command";

// What a program takes, as one line of JSON: name, description, footer, positionals, options and
// commands, which are the same again.
[[nodiscard]] std::string command_description(const CLI::App& app);

}  // namespace ktape
