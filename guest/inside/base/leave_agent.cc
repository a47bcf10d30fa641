// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/base/leave_agent.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace ktape {

void leave_agent(std::span<int> kept) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // Set by the child itself: it is not inherited, and it is cleared by an exec of a set-uid program
  // only.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // All sources are moved out of the range of targets first, then into place: one may have the
  // number of another's target.
  const int first_free = kFirstKeptFd + static_cast<int>(kept.size());
  for (int& fd : kept) fd = ::fcntl(fd, F_DUPFD, first_free);
  int target = kFirstKeptFd;
  for (int fd : kept) ::dup2(fd, target++);
  // One call, also for descriptors that the agent opened without CLOEXEC.
  ::close_range(static_cast<unsigned>(first_free), ~0U, 0);
}

}  // namespace ktape
