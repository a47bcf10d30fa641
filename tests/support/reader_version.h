// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ktape::test {

// "sqlite3 --version: 3.40.1 ..." for failures of programs that read what ktape writes.
std::string version_of(const std::string& program);

}  // namespace ktape::test
