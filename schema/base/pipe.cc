// SPDX-License-Identifier: Apache-2.0
#include "schema/base/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace ktape {

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(ErrorCode::kHost, "cannot make a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

ssize_t read_through_signals(int fd, void* buffer, size_t size) {
  ssize_t n = 0;
  do {
    n = ::read(fd, buffer, size);
  } while (n < 0 && errno == EINTR);
  return n;
}

}  // namespace ktape
