// SPDX-License-Identifier: Apache-2.0
#include "tests/support/reader_version.h"

#include "schema/base/child.h"
#include "tests/support/must.h"

namespace ktape::test {

std::string version_of(const std::string& program) {
  const std::string asked = program + " --version";
  const std::string said = must(run_child("/bin/sh", {"-c", asked + " 2>&1"}, 1 << 16)).output;
  return asked + ": " + said.substr(0, said.find('\n'));
}

}  // namespace ktape::test
