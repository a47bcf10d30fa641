// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace ktape {

// The one style sheet and the one script of a report (report.css, report.js), unchanged.
[[nodiscard]] std::string_view report_style();
[[nodiscard]] std::string_view report_script();

}  // namespace ktape
