// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "schema/base/result.h"
#include "schema/scenario.capnp.h"
#include "schema/scenario/text_parser.h"

namespace ktape {

// Replaces 0 by the default that scenario.capnp names beside each field, except for bootDeadlineMs,
// whose default depends on the accelerator.
void fill_defaults(schema::Scenario::Builder scenario);

// Parses each target's path into its steps, which the author must have left out. Makes an op with
// `every` hot unless the text gives its mode.
[[nodiscard]] Result<void> complete_ops(std::string_view file, const TextNode& parsed,
                                        schema::Scenario::Builder scenario);

}  // namespace ktape
