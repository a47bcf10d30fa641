// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>

#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// A descriptor that is readable while any of `fds` is; -1 is ignored. `fds` must outlive it.
[[nodiscard]] Result<UniqueFd> any_of(std::initializer_list<int> fds);

// False for -1.
[[nodiscard]] bool is_readable(int fd);

}  // namespace ktape
