// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace ktape::test {

// The one child that this process has: QEMU, once a machine was started. 0 when it has none, or
// several.
[[nodiscard]] pid_t only_child();

}  // namespace ktape::test
