// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace ktape {

// A template with each "@NAME@" replaced, without the lines before the first: they are the
// template's own.
[[nodiscard]] std::string scenario_text(std::string_view text_of_template, std::string_view name);

// The name of a scenario that was given as NAME or NAME.scenario. kUsage if no scenario can have
// it.
[[nodiscard]] Result<std::string> new_scenario_name(std::string asked);

// Writes share/ktape/template.scenario.in, with that name, to NAME.scenario in the current folder,
// and returns this path. kUsage if the file exists: it is not touched.
[[nodiscard]] Result<std::string> write_new_scenario(const std::string& name);

}  // namespace ktape
