// SPDX-License-Identifier: Apache-2.0
#include "replay/text/entry_text.h"

#include <fmt/format.h>

#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

// The gates that identify the task apply to reads as well; the others are only observed.
bool refuses_writes_only(schema::GateChecked::Reader gate) {
  return gate.getOutcome() == schema::GateOutcome::FAILED && !gate.getEnforced();
}

}  // namespace

std::string gate_line(schema::GateChecked::Reader gate) {
  const std::string outcome =
      refuses_writes_only(gate) ? "would refuse a write" : enum_words(gate.getOutcome());
  const std::string text = fmt::format("gate {}, {}: {}", static_cast<unsigned>(gate.getGate()),
                                       enum_words(gate.getGate()), outcome);
  if (gate.getObserved().size() == 0 && gate.getExpected().size() == 0) return text;
  return fmt::format("{}: observed {}, expected {}", text, safe(gate.getObserved()),
                     safe(gate.getExpected()));
}

std::string place_text(schema::EntryReply::Reader got) {
  std::string text;
  auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (got.getType().size() > 0) {
    add(safe(got.getType()));
  } else if (got.getWidthBytes() > 0) {
    add(bytes_text(got.getWidthBytes()));
  }
  if (got.getWidthBytes() > 0 && !got.getWidthChecked()) add("width not checked");
  if (got.getVirtualAddress() != 0) add(fmt::format("at {:#x}", got.getVirtualAddress()));
  if (got.getPhysicalAddress() != 0) add(fmt::format("physical {:#x}", got.getPhysicalAddress()));
  if (got.getProtectingCpu() >= 0)
    add(fmt::format("protected by the runqueue lock of CPU {}", got.getProtectingCpu()));
  if (got.getElapsedNs() > 0) add("took " + duration_text(got.getElapsedNs()));
  return text;
}

std::vector<std::string> gate_lines(const std::vector<OwnedMessage<schema::GateChecked>>& gates) {
  size_t passed = 0;
  size_t for_writes = 0;
  for (const auto& kept : gates) {
    passed += kept.get().getOutcome() == schema::GateOutcome::PASSED;
    for_writes += refuses_writes_only(kept.get());
  }
  if (passed == gates.size()) return {count_text(passed, "gate") + " passed"};
  const bool only_for_writes = passed + for_writes == gates.size();
  std::vector<std::string> lines{
      fmt::format("{} of {} gates passed{}", passed, gates.size(),
                  only_for_writes ? "; the others apply to writes only" : "")};
  for (const auto& kept : gates) {
    auto gate = kept.get();
    if (gate.getOutcome() == schema::GateOutcome::PASSED) continue;
    lines.push_back(gate_line(gate));
  }
  return lines;
}

std::vector<std::string> refusing_gate_lines(
    const std::vector<OwnedMessage<schema::GateChecked>>& gates) {
  std::vector<std::string> lines;
  for (const auto& kept : gates) {
    const auto gate = kept.get();
    if (gate.getEnforced() && gate.getOutcome() != schema::GateOutcome::PASSED)
      lines.push_back(gate_line(gate));
  }
  return lines;
}

}  // namespace ktape
