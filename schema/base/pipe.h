// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>

#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// A pipe, both ends close-on-exec.
struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
[[nodiscard]] Result<Pipe> make_pipe();

// As read(2), but restarted after signals.
[[nodiscard]] ssize_t read_through_signals(int fd, void* buffer, size_t size);

}  // namespace ktape
