// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "tests/replay/programs.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

TEST_CASE(
    "values of 64 bits survive pandas: the hex column as it is read, the decimal one as a string") {
  INFO("pandas " + python("import pandas; print(pandas.__version__)"));
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

TEST_CASE("drgn finds in the DWARF of exported symbols what the BTF beside it has") {
  const std::string version = GENERATE("6.16.12", "7.3.4");
  const TempDir folder;
  const std::string symbols = folder.file("symbols");
  REQUIRE(run_program("ktape-export",
                      {KTAPE_TAPES "/kernel-" + version + ".ktape", "--symbols", symbols})
              .exit_status == 0);
  const ChildResult compared = must(
      run_child("/usr/bin/python3", {KTAPE_TESTS "/export/dwarf_layouts.py", symbols}, 1 << 20));
  INFO(compared.output);
  CHECK(compared.exit_status == 0);
  CHECK(compared.output.starts_with("drgn "));
}

}  // namespace ktape::test
