// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/support/tape/sql.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

// What the tables say for given records is part of the format: a tape that was recorded by an older
// ktape has to give the same rows today. A change of an expectation here is a change of the format.

namespace ktape::test {

using Rows = std::vector<std::string>;

class ProjectionFixture {
 public:
  ProjectionFixture() : path(dir.file("run.ktape")), tape(path) {}

  // The rows of a table, after the seal.
  Rows rows(const std::string& query) {
    if (!sealed_) tape.seal();
    sealed_ = true;
    return sql_rows(path, query);
  }

  TempDir dir;
  std::string path;
  TapeBuilder tape;

 private:
  bool sealed_ = false;
};

}  // namespace ktape::test
