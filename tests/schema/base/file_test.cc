// SPDX-License-Identifier: Apache-2.0
#include "schema/base/file.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape::test {

TEST_CASE("data is found by where the program is, installed or built") {
  CHECK(data_folder_of("/home/me/ktape/build/release/bin") ==
        "/home/me/ktape/build/release/share/ktape");
  CHECK(data_folder_of("/usr/bin") == "/usr/share/ktape");
  CHECK(data_folder_of("/usr/libexec/ktape") == "/usr/share/ktape");
  CHECK(data_folder_of("/libexec/ktape/build/bin") == "/libexec/ktape/build/share/ktape");
}

}  // namespace ktape::test
