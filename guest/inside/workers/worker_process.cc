// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/workers/worker_process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

namespace ktape {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSpinsPerLook = 1000;

// Descriptors of a worker, once it has dropped the agent's.
constexpr int kGoFd = 3;
constexpr int kReadyFd = 4;

void sleep_until(Clock::time_point deadline) {
  auto since_epoch = deadline.time_since_epoch();
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
  timespec until{};
  until.tv_sec = seconds.count();
  until.tv_nsec = std::chrono::nanoseconds(since_epoch - seconds).count();
  // One sleep for the whole phase; only a signal (SIGSTOP and SIGCONT) makes it begin again.
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

void spin_until(Clock::time_point deadline) {
  while (Clock::now() < deadline) {
    volatile int spins = 0;  // volatile, so that the loop is not optimised away
    while (spins < kSpinsPerLook) {
      spins = spins + 1;
    }
  }
}

void yield_until(Clock::time_point deadline) {
  while (Clock::now() < deadline) ::sched_yield();
}

void run_phase(const WorkerPhase& phase) {
  Clock::time_point deadline = Clock::now() + phase.length;
  switch (phase.kind) {
    case PhaseKind::kSleep: sleep_until(deadline); break;
    case PhaseKind::kSpin: spin_until(deadline); break;
    case PhaseKind::kYield: yield_until(deadline); break;
  }
}

// The agent blocks SIGCHLD and holds the channel and the scheduler's link: a worker must not.
void drop_inheritance(int go_read, int ready_write) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  int go = ::fcntl(go_read, F_DUPFD, kReadyFd + 1);
  int ready = ::fcntl(ready_write, F_DUPFD, kReadyFd + 1);
  ::dup2(go, kGoFd);
  ::dup2(ready, kReadyFd);
  ::close_range(kReadyFd + 1, ~0U, 0);
}

[[noreturn]] void worker_main(const std::string& name, PhasePlan& plan,
                              std::atomic<uint64_t>& phases_done, int go_read, int ready_write) {
  drop_inheritance(go_read, ready_write);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, name.c_str());
  char byte = 0;
  if (::write(kReadyFd, &byte, 1) != 1 || ::read(kGoFd, &byte, 1) != 1) ::_exit(1);
  ::close(kReadyFd);
  ::close(kGoFd);
  while (auto phase = plan.next()) {
    run_phase(*phase);
    phases_done.fetch_add(1, std::memory_order_relaxed);
  }
  ::_exit(0);
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(ErrorCode::kHost, "cannot make a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

Result<SharedCounter> SharedCounter::create() {
  void* page = ::mmap(nullptr, sizeof(std::atomic<uint64_t>), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return system_error(ErrorCode::kHost, "cannot map a counter");
  return SharedCounter(new (page) std::atomic<uint64_t>(0));
}

SharedCounter::~SharedCounter() {
  if (value_ != nullptr) ::munmap(value_, sizeof *value_);
}

SharedCounter::SharedCounter(SharedCounter&& other) noexcept
    : value_(std::exchange(other.value_, nullptr)) {}

Result<ForkedWorker> fork_worker(const std::string& name, PhasePlan plan,
                                 std::atomic<uint64_t>& phases_done) {
  KTAPE_ASSIGN(Pipe go, make_pipe());
  KTAPE_ASSIGN(Pipe ready, make_pipe());
  pid_t pid = ::fork();
  if (pid < 0) return system_error(ErrorCode::kHost, "cannot fork worker '" + name + "'");
  if (pid == 0) worker_main(name, plan, phases_done, go.read.get(), ready.write.get());

  ready.write.reset();
  char byte = 0;
  ssize_t n;
  do {
    n = ::read(ready.read.get(), &byte, 1);
  } while (n < 0 && errno == EINTR);
  if (n != 1) return Error{ErrorCode::kHost, "worker '" + name + "' did not come up", ""};
  return ForkedWorker{Pid(pid), std::move(go.write)};
}

}  // namespace ktape
