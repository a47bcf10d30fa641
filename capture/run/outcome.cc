// SPDX-License-Identifier: Apache-2.0
#include "capture/run/outcome.h"

#include <fmt/format.h>

#include "schema/base/text.h"

namespace ktape {

namespace {

// The detail may contain text from the guest. The tape has it in full.
constexpr size_t kMaxDetailBytes = 2000;

const char* outcome_text(schema::Outcome outcome) {
  switch (outcome) {
    case schema::Outcome::COMPLETED: return "completed";
    case schema::Outcome::SCENARIO_FAILED: return "scenario failed";
    case schema::Outcome::GUEST_PANICKED: return "guest panicked";
    case schema::Outcome::RUN_TIMED_OUT: return "run timed out";
    case schema::Outcome::BOOT_TIMED_OUT: return "boot timed out";
    case schema::Outcome::MACHINE_LOST: return "machine lost";
    case schema::Outcome::GUEST_EXITED: return "guest exited early";
    case schema::Outcome::INTERRUPTED: return "interrupted";
    case schema::Outcome::HOST_FAILED: return "host failed";
    case schema::Outcome::PROTOCOL_BROKEN: return "agent broke the protocol";
    default: return "unknown";
  }
}

}  // namespace

std::string outcome_line(const RunEnd& end) {
  std::string line = outcome_text(end.outcome);
  if (!end.detail.empty()) line += ": " + printable(end.detail.substr(0, kMaxDetailBytes));
  if (end.ejections.empty()) return line;
  // Only the first by name: it usually caused the others.
  line += "; scheduler " + end.ejections.front().substr(0, kMaxDetailBytes);
  const uint64_t more = end.ejections.size() - 1 + end.ejections_left_out;
  return more == 0 ? line : line + fmt::format(", and {} more", more);
}

ExitCode outcome_code(const RunEnd& end, bool fail_on_eject) {
  switch (end.outcome) {
    case schema::Outcome::COMPLETED:
      return fail_on_eject && !end.ejections.empty() ? ExitCode::kViolated : ExitCode::kGood;
    case schema::Outcome::MACHINE_LOST:
    // The host's fault, not the scenario's: a retry may help.
    case schema::Outcome::HOST_FAILED: return ExitCode::kHost;
    default: return ExitCode::kViolated;
  }
}

}  // namespace ktape
