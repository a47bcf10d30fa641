// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <utility>

#include "schema/base/result.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

// Fields by type and path, as LayoutUsed records name them; safe to print.
using FieldNames = std::set<std::pair<std::string, std::string>>;

// The fields that the targets of a run's requests lead through: the scenario is about them. ktape
// used the other layouts on the tape for gates, evidence and pages. kNotApplicable if the tape does
// not have the kernel's types.
[[nodiscard]] Result<FieldNames> asked_fields(const TapeReader& tape);

}  // namespace ktape
