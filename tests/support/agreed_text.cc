// SPDX-License-Identifier: Apache-2.0
#include "tests/support/agreed_text.h"

#include <cstdlib>
#include <fstream>

#include "schema/base/file.h"
#include "tests/support/must.h"

namespace ktape::test {

std::string agreed_text(const std::string& file, const std::string& text) {
  if (std::getenv("KTAPE_RENEW_GOLDEN") != nullptr) std::ofstream(file) << text;
  return must(read_text_file(file, 1 << 20));
}

}  // namespace ktape::test
