// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "replay/report/report_facts.h"

namespace ktape {

inline constexpr size_t kReportLines = 60;
inline constexpr size_t kReportColumns = 75;

// A report for a mailing list: at most kReportLines lines of kReportColumns columns, whatever is on
// the tape. If there is more, a line says how much.
[[nodiscard]] std::string report_as_text(const ReportFacts& report);

}  // namespace ktape
