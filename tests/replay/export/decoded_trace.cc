// SPDX-License-Identifier: Apache-2.0
#include "tests/replay/export/decoded_trace.h"

#include <catch2/catch_test_macros.hpp>

#include "schema/base/child.h"
#include "tests/replay/programs.h"
#include "tests/support/must.h"

namespace ktape::test {

std::string decoded(const std::string& trace) {
  std::string line =
      "protoc -I '" KTAPE_TESTS "' --decode=perfetto.protos.Trace perfetto.proto < '" + trace + "'";
  INFO(version_of("protoc"));
  ChildResult child = must(run_child("/bin/sh", {"-c", line}, 1 << 24));
  REQUIRE(child.exit_status == 0);
  return child.output;
}

}  // namespace ktape::test
