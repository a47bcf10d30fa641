// SPDX-License-Identifier: Apache-2.0
#include "schema/target/target_path.h"

// The path of a target.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto steps = ktape::parse_target_path({reinterpret_cast<const char*>(data), size});
  if (!steps.ok()) return 0;
  // An accepted path survives being printed and parsed again.
  auto again = ktape::parse_target_path(ktape::target_path_text(*steps));
  KTAPE_CHECK(again.ok() && *again == *steps);
  return 0;
}
