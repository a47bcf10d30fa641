// SPDX-License-Identifier: Apache-2.0
#include "replay/text/integrity_text.h"

#include <fmt/format.h>

#include "schema/base/text.h"

namespace ktape {

std::string integrity_lines(const Verification& found) {
  return fmt::format("tape: {}{}{}\nlosses: {}\n", integrity_name(found.integrity),
                     found.finding.empty() ? "" : ", ", printable(found.finding),
                     found.losses.text());
}

void put_integrity(JsonWriter& json, const Verification& found) {
  json.field("integrity", integrity_name(found.integrity))
      .field("finding", printable(found.finding))
      .field("losses", found.losses.text());
}

ExitCode with_integrity(ExitCode code, const Verification& found) {
  return found.integrity == Integrity::kAltered ? ExitCode::kBadInput : code;
}

}  // namespace ktape
