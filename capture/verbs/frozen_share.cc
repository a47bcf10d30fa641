// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/frozen_share.h"

#include <fmt/format.h>

#include "schema/scenario/text_parser.h"

namespace ktape {

namespace {

// From tools/benchmarks/README.md, "A freeze", under TCG on two cores. KVM is not slower.
constexpr double kFreezeMs = 0.4;
constexpr double kFreezeMsPerCpu = 0.055;
// With --memory full every page of the guest is hashed.
constexpr double kFullMsPerMb = 0.1;

double freeze_ms(schema::MachineSpec::Reader machine, schema::MemoryMode memory) {
  const double kept = memory == schema::MemoryMode::FULL ? kFullMsPerMb * machine.getMemoryMb() : 0;
  return kFreezeMs + kFreezeMsPerCpu * machine.getCpus() + kept;
}

bool is_cold_series(schema::Action::Reader action) {
  return action.isOp() && action.getOp().getEvery().getMs() > 0 &&
         action.getOp().getMode() == schema::OpMode::COLD;
}

// Adjacent ones share their freezes: see merge_ops() in guest/inside.
bool shares_freeze(schema::Action::Reader one, schema::Action::Reader next) {
  return is_cold_series(one) && is_cold_series(next) &&
         one.getOp().getEvery().getMs() == next.getOp().getEvery().getMs() &&
         one.getOp().getRetryMs() == next.getOp().getRetryMs();
}

std::string step_text(schema::Scenario::Reader scenario, unsigned step) {
  const std::string name = scenario.getSteps()[step].getName().cStr();
  return name.empty() ? fmt::format("step {}", step + 1) : fmt::format("step '{}'", name);
}

// `frozen`: for each ms that the guest runs.
std::string share_text(double frozen) {
  return fmt::format("at least {:.1f} %", 100 * frozen / (1 + frozen));
}

}  // namespace

Result<std::vector<std::string>> frozen_shares(const LoadedScenario& scenario,
                                               schema::MemoryMode memory) {
  // Parsed again, because the loaded scenario has no places.
  KTAPE_ASSIGN(const TextNode parsed, parse_text(scenario.path(), scenario.text()));
  const double each_ms = freeze_ms(scenario.get().getMachine(), memory);
  const auto steps = scenario.get().getSteps();
  std::vector<std::string> lines;
  for (unsigned i = 0; i < steps.size(); ++i) {
    const auto actions = steps[i].getActions();
    double frozen = 0;  // for each ms that the guest runs
    for (unsigned j = 0; j < actions.size(); ++j) {
      if (!is_cold_series(actions[j])) continue;
      if (j > 0 && shares_freeze(actions[j - 1], actions[j])) continue;
      frozen += each_ms / actions[j].getOp().getEvery().getMs();
      if (frozen < 1) continue;
      const TextNode& op = parsed.at("steps").at(i).at("actions").at(j).at("op");
      return error_at(scenario.path(), op.at("every").place,
                      fmt::format("cold reads with 'every' would freeze the machine for {} of the "
                                  "time, and the limit is 50 %: a freeze takes {:.1f} ms or longer",
                                  share_text(frozen), each_ms),
                      "make 'ms' larger, or read with 'mode = hot'");
    }
    if (frozen > 0)
      lines.push_back(
          fmt::format("{}: cold reads with 'every' will freeze the machine for {} of the time",
                      step_text(scenario.get(), i), share_text(frozen)));
  }
  return lines;
}

}  // namespace ktape
