// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "schema/base/child.h"
#include "tests/support/must.h"

namespace ktape::test {

// Runs a program of the build's bin folder.
inline ChildResult run_program(const std::string& name, const std::vector<std::string>& arguments) {
  return must(run_child(std::string(KTAPE_BIN "/") + name, arguments, 1 << 24));
}

}  // namespace ktape::test
