// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/workers/worker_set.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "guest/inside/workers/proc_stat.h"

namespace ktape {

namespace {

constexpr int kSchedExt = 7;  // SCHED_EXT of include/uapi/linux/sched.h; glibc does not define it

int policy_number(schema::Policy policy) {
  switch (policy) {
    case schema::Policy::NORMAL: return SCHED_OTHER;
    case schema::Policy::BATCH: return SCHED_BATCH;
    case schema::Policy::IDLE: return SCHED_IDLE;
    case schema::Policy::FIFO: return SCHED_FIFO;
    case schema::Policy::RR: return SCHED_RR;
    case schema::Policy::EXT: return kSchedExt;
  }
  return SCHED_OTHER;
}

bool is_real_time(int policy) {
  return policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE;
}

bool has_priority(schema::Policy policy) {
  return policy == schema::Policy::FIFO || policy == schema::Policy::RR;
}

std::vector<WorkerPhase> read_phases(schema::Worker::Reader spec) {
  std::vector<WorkerPhase> phases;
  for (schema::Phase::Reader phase : spec.getPhases()) {
    switch (phase.which()) {
      case schema::Phase::SLEEP_MS:
        phases.push_back({PhaseKind::kSleep, std::chrono::milliseconds(phase.getSleepMs())});
        break;
      case schema::Phase::SPIN_MS:
        phases.push_back({PhaseKind::kSpin, std::chrono::milliseconds(phase.getSpinMs())});
        break;
      case schema::Phase::YIELD_MS:
        phases.push_back({PhaseKind::kYield, std::chrono::milliseconds(phase.getYieldMs())});
        break;
    }
  }
  return phases;
}

Result<void> set_affinity(Pid pid, capnp::List<uint32_t>::Reader cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (uint32_t cpu : cpus) {
    // CPU_SET writes out of bounds for larger numbers.
    if (cpu >= CPU_SETSIZE) {
      return Error{ErrorCode::kOutOfRange, "there is no CPU " + std::to_string(cpu), ""};
    }
    CPU_SET(cpu, &set);
  }
  if (::sched_setaffinity(pid.value, sizeof set, &set) != 0) {
    return system_error(ErrorCode::kHost,
                        "cannot set the affinity of pid " + std::to_string(pid.value));
  }
  return {};
}

// The policy is set last: from then on the worker depends on the scheduler under test.
Result<void> configure(Pid pid, schema::Worker::Reader spec) {
  if (spec.getCpus().size() != 0) KTAPE_TRY(set_affinity(pid, spec.getCpus()));
  if (spec.getNice() != 0 &&
      ::setpriority(PRIO_PROCESS, static_cast<id_t>(pid.value), spec.getNice()) != 0) {
    return system_error(ErrorCode::kHost,
                        "cannot set the nice value of pid " + std::to_string(pid.value));
  }
  return set_policy(pid, spec.getPolicy(), spec.getPriority());
}

}  // namespace

Result<void> set_policy(Pid pid, schema::Policy policy, uint32_t priority) {
  sched_param param{};
  if (has_priority(policy)) param.sched_priority = priority == 0 ? 1 : static_cast<int>(priority);
  if (::sched_setscheduler(pid.value, policy_number(policy), &param) != 0) {
    return system_error(ErrorCode::kHost,
                        "cannot set the policy of pid " + std::to_string(pid.value));
  }
  return {};
}

Result<const RunningWorker*> WorkerSet::prepare(schema::Worker::Reader spec) {
  std::string name(spec.getName().cStr());
  KTAPE_ASSIGN(SharedCounter counter, SharedCounter::create());
  KTAPE_ASSIGN(ForkedWorker forked,
               fork_worker(name, PhasePlan(read_phases(spec), spec.getLoop()), counter.value()));
  KTAPE_TRY(configure(forked.pid, spec));
  // Before it runs: the start time identifies the process to the host's gates.
  KTAPE_ASSIGN(ProcStat stat, read_proc_stat(forked.pid));
  workers_.push_back(RunningWorker{std::move(name), forked.pid, stat.start_boottime_ns, stat.comm,
                                   true, spec.getUnreaped(), std::move(forked.go),
                                   std::move(counter)});
  return &workers_.back();
}

Result<void> WorkerSet::release(std::string_view name) {
  for (RunningWorker& worker : workers_) {
    if (worker.name != name) continue;
    char byte = 0;
    if (::write(worker.go.get(), &byte, 1) != 1) {
      return system_error(ErrorCode::kHost, "cannot start worker '" + worker.name + "'");
    }
    worker.go.reset();
    return {};
  }
  return Error{ErrorCode::kNotFound, "no worker '" + std::string(name) + "'", ""};
}

Result<const RunningWorker*> WorkerSet::find(std::string_view name) const {
  for (const RunningWorker& worker : workers_) {
    if (worker.name == name) return &worker;
  }
  return Error{ErrorCode::kNotFound, "no worker '" + std::string(name) + "'", ""};
}

std::vector<WorkerExit> WorkerSet::reap() {
  std::vector<WorkerExit> exits;
  // waitpid(-1) cannot leave out one child, so with a worker that must stay a zombie each of the
  // others is asked for by its pid.
  const bool keeps = std::any_of(workers_.begin(), workers_.end(), [](const RunningWorker& worker) {
    return worker.alive && worker.unreaped;
  });
  if (!keeps) {
    reap_matching(-1, exits);
    return exits;
  }
  for (const RunningWorker& worker : workers_) {
    if (worker.alive && !worker.unreaped) reap_matching(worker.pid.value, exits);
  }
  return exits;
}

// `which` as for waitpid: a pid, or -1 for all.
void WorkerSet::reap_matching(pid_t which, std::vector<WorkerExit>& exits) {
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(which, &status, WNOHANG)) > 0;) {
    bool known = false;
    for (RunningWorker& worker : workers_) {
      // A pid may have been used before by a worker that has ended.
      if (worker.pid.value != pid || !worker.alive) continue;
      known = true;
      worker.alive = false;
      bool killed = WIFSIGNALED(status);
      exits.push_back({&worker, killed, killed ? WTERMSIG(status) : WEXITSTATUS(status)});
    }
    if (!known) strangers_.push_back({Pid(pid), status});
  }
}

void WorkerSet::make_ordinary() const {
  for (const RunningWorker& worker : workers_) {
    // Fair and ext workers are left as they are: their policy is what the scenario is about.
    if (!worker.alive || !is_real_time(::sched_getscheduler(worker.pid.value))) continue;
    // Errors are ignored: the worker may have ended meanwhile.
    (void)set_policy(worker.pid, schema::Policy::NORMAL, 0);
  }
}

void WorkerSet::keep_no_zombies() {
  for (RunningWorker& worker : workers_) worker.unreaped = false;
}

}  // namespace ktape
