// SPDX-License-Identifier: Apache-2.0
#include "replay/report/report_assets.h"

#include <cstddef>

// The assembler finds both files in this folder, by its include path.
asm(R"(
  .section .rodata
kReportStyleBegin:
  .incbin "report.css"
kReportStyleEnd:
kReportScriptBegin:
  .incbin "report.js"
kReportScriptEnd:
  .previous
)");

extern "C" {
extern const char kReportStyleBegin[];
extern const char kReportStyleEnd[];
extern const char kReportScriptBegin[];
extern const char kReportScriptEnd[];
}

namespace ktape {

std::string_view report_style() {
  return {kReportStyleBegin, static_cast<size_t>(kReportStyleEnd - kReportStyleBegin)};
}

std::string_view report_script() {
  return {kReportScriptBegin, static_cast<size_t>(kReportScriptEnd - kReportScriptBegin)};
}

}  // namespace ktape
