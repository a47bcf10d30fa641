// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "tests/replay/programs.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

TEST_CASE(
    "values of 64 bits survive pandas: the hex column as it is read, the decimal one as a string") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started();
  auto value = [](const std::string& tag, uint64_t is) {
    return TapeEntry{.tag = tag, .target = symbol_target("jiffies_64"), .value = is};
  };
  TapeEntry failed = value("none", 0);
  failed.status = schema::EntryStatus::FAILED;
  builder.op({value("largest", 18446744073709551615U), value("odd", 9007199254740993U), failed});
  std::string csv = folder.file("ops.csv");
  REQUIRE(
      run_program("ktape-export", {builder.seal().path, "--csv", "--table", "kernel_op", "-o", csv})
          .exit_status == 0);
  CHECK(python(R"(
import pandas, sys
plain = pandas.read_csv(sys.argv[1])
print([int(v, 16) for v in plain.value_hex.dropna()])
told = pandas.read_csv(sys.argv[1], dtype={"value": "string", "before": "string"})
print([int(v) for v in told.value.dropna()])
print(told.value.isna().tolist())
)",
               {csv}) ==
        "[18446744073709551615, 9007199254740993]\n[18446744073709551615, 9007199254740993]\n"
        "[False, False, True]\n");
}

}  // namespace ktape::test
