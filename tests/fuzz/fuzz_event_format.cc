// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string_view>

#include "schema/base/result.h"
#include "schema/trace/event_format.h"

// The format of a trace event, as in tracefs.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto format = ktape::EventFormat::parse({reinterpret_cast<const char*>(data), size});
  if (!format.ok()) return 0;
  for (const auto* fields : {&format->common, &format->fields}) {
    for (const ktape::EventField& field : *fields) {
      KTAPE_CHECK(format->field(field.name) == &field);
      KTAPE_CHECK(field.offset_bytes + field.size_bytes <= 65536);
    }
  }
  KTAPE_CHECK(format->id != 0 && !format->name.empty());
  return 0;
}
