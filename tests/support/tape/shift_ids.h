// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/dynamic.h>

#include <cstdint>

namespace ktape::test {

// Adds `by` to the numbers of request and freeze in the body of a record, if it has them: to repeat
// the events of a run as if they came later in it.
void shift_ids(capnp::DynamicStruct::Builder body, uint64_t by);

}  // namespace ktape::test
