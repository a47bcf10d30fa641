// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"
#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

namespace fs = std::filesystem;

TEST_CASE_METHOD(CaptureFixture, "sub-schedulers are distinguished by parent and cgroup on 7.3") {
  const std::string qmap = example_schedulers("7.3") + "/scx_qmap";
  TempDir overlay;
  fs::create_directory(overlay.file("opt"));
  fs::copy_file(qmap, overlay.file("opt/scx_qmap"));
  const Captured captured = capture(
      "sub_schedulers", "7.3", {"--scheduler", KTAPE_SUB_SCHEDULER, "--overlay", overlay.path()});
  INFO(captured.program.output);
  CHECK(captured.facts.outcome == schema::Outcome::COMPLETED);
  CHECK(sql_rows(captured.tape, "SELECT id, name, parent, cgroup FROM scheduler ORDER BY id") ==
        std::vector<std::string>{"1|qmap|0|", "2|qmap|1|/below"});
  CHECK(sql_rows(captured.tape, "SELECT count(*) FROM scheduler WHERE exit_kind IS NOT NULL") ==
        std::vector<std::string>{"2"});
}

}  // namespace ktape::test
