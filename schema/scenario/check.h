// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "schema/base/result.h"
#include "schema/scenario.capnp.h"
#include "schema/scenario/machine.h"
#include "schema/scenario/text_parser.h"

namespace ktape {

// Reports what no run could do in a scenario, with the place in its text. `scenario` has its
// defaults and parsed paths; `parsed` is that text. The parts that `machine` overrides are not in
// the text.
[[nodiscard]] Result<void> check_scenario(std::string_view file, const TextNode& parsed,
                                          schema::Scenario::Reader scenario,
                                          const MachineOverride& machine);

// Whether a scenario may have that name; kScenarioNameRule says it in words.
[[nodiscard]] bool is_scenario_name(std::string_view name);
inline constexpr char kScenarioNameRule[] =
    "use at most 100 letters, digits, '_', '-' and '.'; begin with a letter or a digit";

// The same for one op of a step; `tag` is not checked.
[[nodiscard]] Result<void> check_op(std::string_view file, const TextNode& parsed,
                                    schema::Scenario::Reader scenario,
                                    schema::ScenarioOp::Reader op);

// kUsage if `retryMs` of the scenario or of an op, which is at `where`, is not a valid time.
[[nodiscard]] Result<void> check_retry_ms(std::string_view file, const TextNode& where,
                                          int32_t retry_ms, schema::Scenario::Reader scenario);

// kUsage if the scenario has no worker of that name.
[[nodiscard]] Result<void> check_worker_exists(std::string_view file, Place place,
                                               schema::Scenario::Reader scenario,
                                               std::string_view worker);

}  // namespace ktape
