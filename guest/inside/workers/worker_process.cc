// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/workers/worker_process.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "guest/inside/base/leave_agent.h"
#include "schema/base/pipe.h"

namespace ktape {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSpinsPerCheck = 1000;

// Descriptors of a worker, after it has closed the agent's.
constexpr int kGoFd = kFirstKeptFd;
constexpr int kReadyFd = kFirstKeptFd + 1;

void sleep_until(Clock::time_point deadline) {
  // Absolute, so that a signal that interrupts the sleep does not make it longer.
  auto since_epoch = deadline.time_since_epoch();
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
  timespec until{};
  until.tv_sec = seconds.count();
  until.tv_nsec = std::chrono::nanoseconds(since_epoch - seconds).count();
  // One sleep for the whole phase; only a signal (SIGSTOP and SIGCONT) restarts it.
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

void spin_until(Clock::time_point deadline) {
  while (Clock::now() < deadline) {
    // Looks at the clock only now and then: the point is to run, not to call the vDSO.
    volatile int spins = 0;  // volatile, so that the loop is not optimised away
    while (spins < kSpinsPerCheck) {
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

[[noreturn]] void worker_main(const std::string& name, PhasePlan& plan,
                              std::atomic<uint64_t>& phases_done, int go_read, int ready_write) {
  std::array<int, 2> kept = {go_read, ready_write};
  leave_agent(kept);
  // The comm is the worker's name, cut to 15 bytes by the kernel.
  ::prctl(PR_SET_NAME, name.c_str());
  char byte = 0;
  // Ready tells the agent that the name is set and the descriptors are gone; then it waits for
  // `go`. If the agent closes that instead, the worker ends.
  if (::write(kReadyFd, &byte, 1) != 1 || ::read(kGoFd, &byte, 1) != 1) ::_exit(1);
  // Closed, so that a worker's only footprint while it runs is its phases.
  ::close(kReadyFd);
  ::close(kGoFd);
  while (auto phase = plan.next()) {
    run_phase(*phase);
    // Relaxed: the count is a fact for the report, and orders nothing.
    phases_done.fetch_add(1, std::memory_order_relaxed);
  }
  ::_exit(0);
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

  // Or a child that dies would leave us waiting for ourselves.
  ready.write.reset();
  char byte = 0;
  if (read_through_signals(ready.read.get(), &byte, 1) != 1)
    return Error{ErrorCode::kHost, "worker '" + name + "' did not start", ""};
  return ForkedWorker{Pid(pid), std::move(go.write)};
}

}  // namespace ktape
