// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/schema.h>

#include <string_view>

#include "schema/base/result.h"
#include "schema/scenario/text_parser.h"

namespace ktape {

// Checks a parsed text against a schema: names of fields and enumerants, kinds of values, ranges of
// integers, at most one member of each union. Cap'n Proto decodes what passes. Errors are kUsage
// with the place; the hint names what was probably meant.
[[nodiscard]] Result<void> check_shape(std::string_view file, const TextNode& node,
                                       capnp::StructSchema schema);

}  // namespace ktape
