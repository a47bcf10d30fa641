// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/load.h"

// The text of a scenario.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto scenario =
      ktape::parse_scenario("fuzz", std::string(reinterpret_cast<const char*>(data), size));
  KTAPE_CHECK(scenario.ok() || !scenario.error().message.empty());
  return 0;
}
