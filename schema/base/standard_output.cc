// SPDX-License-Identifier: Apache-2.0
#include "schema/base/standard_output.h"

#include <cstdio>

namespace ktape {

namespace {

Error cannot_write() { return system_error(ErrorCode::kHost, "cannot write to standard output"); }

}  // namespace

Result<void> write_output(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size()) return {};
  return cannot_write();
}

Result<void> flush_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return {};
  return cannot_write();
}

}  // namespace ktape
