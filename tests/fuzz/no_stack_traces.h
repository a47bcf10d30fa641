// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kj/exception.h>

namespace ktape::fuzz {

// While it exists, on the stack, an exception of Cap'n Proto does not walk up the stack: most
// inputs throw one.
class NoStackTraces : public kj::ExceptionCallback {
 public:
  StackTraceMode stackTraceMode() override { return StackTraceMode::NONE; }
};

}  // namespace ktape::fuzz
