// SPDX-License-Identifier: Apache-2.0
#include "schema/base/command/standard_output.h"

#include <cstdio>

namespace ktape {

namespace {

constexpr char kCannotWrite[] = "cannot write to standard output";

Error cannot_write() { return system_error(ErrorCode::kHost, kCannotWrite); }

}  // namespace

Result<void> write_output(std::string_view text) {
  // fwrite() counts complete items; an item is a byte here.
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size()) return {};
  return cannot_write();
}

Result<void> flush_output() {
  if (std::fflush(stdout) != 0) return cannot_write();
  if (std::ferror(stdout) == 0) return {};
  // An earlier write failed; errno belongs to something else by now.
  return Error{ErrorCode::kHost, kCannotWrite, ""};
}

}  // namespace ktape
