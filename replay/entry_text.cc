// SPDX-License-Identifier: Apache-2.0
#include "replay/entry_text.h"

#include <fmt/format.h>

#include "replay/page.h"
#include "replay/record_text.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

template <typename Reader>
std::string safe(const Reader& text) {
  return printable(chars(text));
}

}  // namespace

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
    add(fmt::format("under the runqueue lock of CPU {}", got.getProtectingCpu()));
  if (got.getElapsedNs() > 0) add("took " + duration_text(got.getElapsedNs()));
  return text;
}

std::vector<std::string> gate_lines(const std::vector<Kept<schema::GateChecked>>& gates) {
  size_t passed = 0;
  for (const auto& gate : gates) passed += gate.get().getOutcome() == schema::GateOutcome::PASSED;
  std::vector<std::string> lines{passed == gates.size()
                                     ? count_text(passed, "gate") + " passed"
                                     : fmt::format("{} of {} gates passed", passed, gates.size())};
  for (const auto& kept : gates) {
    auto gate = kept.get();
    if (gate.getOutcome() == schema::GateOutcome::PASSED) continue;
    lines.push_back(fmt::format("gate {}, {}: {}{}: observed {}, expected {}",
                                static_cast<unsigned>(gate.getGate()), enum_words(gate.getGate()),
                                enum_words(gate.getOutcome()), gate.getEnforced() ? "" : " (not enforced)",
                                safe(gate.getObserved()), safe(gate.getExpected())));
  }
  return lines;
}

}  // namespace ktape
