// SPDX-License-Identifier: Apache-2.0
#include "capture/io/descriptors.h"

#include <poll.h>
#include <sys/epoll.h>

namespace ktape {

Result<UniqueFd> any_of(std::initializer_list<int> fds) {
  // An epoll descriptor is readable while any of its descriptors is, so the machine has to poll one
  // only.
  UniqueFd any(::epoll_create1(EPOLL_CLOEXEC));
  for (const int fd : fds) {
    epoll_event wanted{.events = EPOLLIN, .data = {}};
    if (any.valid() && fd >= 0 && ::epoll_ctl(any.get(), EPOLL_CTL_ADD, fd, &wanted) != 0)
      any.reset();
  }
  if (!any.valid()) return system_error(ErrorCode::kHost, "cannot watch for signals");
  return any;
}

bool is_readable(int fd) {
  pollfd ready{fd, POLLIN, 0};
  return fd >= 0 && ::poll(&ready, 1, 0) == 1;
}

}  // namespace ktape
