// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/record.capnp.h"

namespace ktape {

// What the time line says of a record for which one line is enough, and nothing that came before
// it; safe to print. Empty for another one.
[[nodiscard]] std::string record_line(schema::Record::Reader record);

}  // namespace ktape
