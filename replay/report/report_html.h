// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "replay/check/check_run.h"
#include "replay/check/verdicts.h"
#include "replay/report/report_spans.h"
#include "replay/tape/run_facts.h"
#include "schema/base/result.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

// A tape as one HTML page that needs no network: a timeline and charts, drawn by the page's one
// script, and tables, which need no script. Nothing on the tape is interpreted as markup, and the
// page's Content-Security-Policy allows only that script and style sheet, by their digests. For a
// huge tape the page has the first rows of each table and says what is left out. kBadInput if the
// tape cannot be read, or has more entries than gather_run_facts accepts.
[[nodiscard]] Result<std::string> report_html(const TapeReader& tape, const CheckedTape& checked,
                                              const Verdicts& verdicts);

// Verifies and judges a tape and writes its page to a new file. kUsage if the file exists; else the
// errors of inspect_readable, find_asked_assertions and report_html.
[[nodiscard]] Result<void> write_report_page(const std::string& tape,
                                             const AssertionOptions& assertions,
                                             const std::string& out);

// The data for the page's script, as JSON: endNs, lanes (name, kind, items), series (name, points).
// Times are numbers of nanoseconds since the run began, to draw: beyond 2^53 they are rounded.
// Values and sequence numbers are strings of digits.
struct ReportDrawing {
  std::string json;
  uint64_t points_left_out = 0;  // of the series, beyond the limit
};
[[nodiscard]] ReportDrawing report_drawing(const RunFacts& run, const ReportSpans& spans);

}  // namespace ktape
