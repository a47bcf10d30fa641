// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/record.capnp.h"

namespace ktape {

// The timeline's line for a record that needs only one line and nothing that came before it; safe
// to print. Empty for other records.
[[nodiscard]] std::string record_line(schema::Record::Reader record);

}  // namespace ktape
