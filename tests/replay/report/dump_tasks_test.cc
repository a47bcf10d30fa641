// SPDX-License-Identifier: Apache-2.0
#include "replay/report/dump_tasks.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape::test {

TEST_CASE("text that is not a dump has no waiting tasks") {
  for (const char* text : {"", "R [", "  R a[1] ms\n", "  R a] [ -5ms", "CPU x\n*\n cpus=zz",
                           "  R a[99999999999] -1ms"}) {
    CHECK(waiting_in_dump(text).total == 0);
  }
}

}  // namespace ktape::test
