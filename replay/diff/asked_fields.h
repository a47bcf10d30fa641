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

// The fields that the targets of a run's requests lead through: those that the scenario is about.
// The other layouts on the tape ktape used for itself, for gates, evidence and pages.
// kNotApplicable when the tape does not have the kernel's types.
[[nodiscard]] Result<FieldNames> asked_fields(const TapeReader& tape);

}  // namespace ktape
