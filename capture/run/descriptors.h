// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>

#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// A descriptor that is readable while any of `fds` is; those that are -1 are left out. They outlive
// it.
[[nodiscard]] Result<UniqueFd> any_of(std::initializer_list<int> fds);

// False of -1.
[[nodiscard]] bool is_readable(int fd);

}  // namespace ktape
