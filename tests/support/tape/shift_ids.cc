// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tape/shift_ids.h"

namespace ktape::test {

void shift_ids(capnp::DynamicStruct::Builder body, uint64_t by) {
  for (const char* name : {"op", "freeze"}) {
    KJ_IF_MAYBE (field, body.getSchema().findFieldByName(name)) {
      const auto id = body.get(*field).as<uint64_t>();
      if (id != 0) body.set(*field, id + by);
    }
  }
}

}  // namespace ktape::test
