// SPDX-License-Identifier: Apache-2.0
#include <capnp/message.h>

#include "schema/target/target_line.h"
#include "schema/target/target_path.h"

// A target and its width as typed on a command line.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  capnp::MallocMessageBuilder message;
  auto entry = message.initRoot<ktape::schema::OpEntry>();
  if (!ktape::parse_target_line({reinterpret_cast<const char*>(data), size}, entry).ok()) return 0;
  // The steps of an accepted target are accepted.
  KTAPE_CHECK(ktape::read_steps(entry.asReader().getTarget()).ok());
  return 0;
}
