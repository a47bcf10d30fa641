# SPDX-License-Identifier: Apache-2.0
@0xb4c1f6d4a1e0a202;

# The content of a scenario file: Cap'n Proto text of one Scenario, e.g. `( name = "idle", steps = [...] )`.
# 0 and empty mean "the default", which is given beside each field.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ktape::schema");

using Op = import "op.capnp";

struct Scenario {
  name @0 :Text;                # at most 100 letters, digits, '_', '-' and '.', beginning with a letter or digit
  description @1 :Text;
  durationMs @2 :UInt32;        # counted from the first step; `hold` sleeps until its end
  watchdogMs @3 :UInt32;        # run watchdog: host time from the first step, frozen time not counted; default 60,000
  bootDeadlineMs @4 :UInt32;    # host time from QEMU's start to the first step, frozen time not counted; default
                                # 120,000, plus 2,000 (KVM) or 12,000 (TCG) for each vCPU beyond 2
  machine @5 :MachineSpec;
  scheduler @6 :SchedulerSpec;
  workers @7 :List(Worker);     # all started, in order, before the first step
  steps @8 :List(Step);
  freezes @9 :FreezeSpec;       # freezes besides those for ops
  retryMs @10 :Int32 = -1;      # how long to retry an op refused by a condition that may pass; default 1,000; 0: never
  agentPriority @11 :UInt32;     # of the agent, SCHED_FIFO: 1 to 99; default 99. A task of equal or higher priority that does
                                # not sleep keeps it off its CPU, and so does any SCHED_DEADLINE task. PREEMPT_RT kernels
                                # run interrupt threads at 50; sched_ext runs the thread that disables a scheduler at 50 too
  expect @12 :List(ExpectedFailure); # failures of assertions that `ktape check` does not count as failures; at most 64
}

struct ExpectedFailure {
  assertion @0 :Text;           # its name: "no-scheduler-error"
  match @1 :Text;               # every failure of the assertion has this text, or that of another of its expectations;
                                # empty: any failure is expected; at most 256 bytes
}

struct FreezeSpec {
  # --freeze-on and --freeze-every on the command line each replace the field here.
  on @0 :List(Text);            # as --freeze-on: "scx-error", "symbol:NAME*N", "symbol:NAME@step:STEP", "none", ...
  everyMs @1 :UInt32;           # as --freeze-every; default: no freezes at intervals
}

struct MachineSpec {
  # Every socket has the same number of cores, and so on down; numbers that do not divide evenly are refused.
  cpus @0 :UInt32;              # vCPUs, 1 to 64; default sockets × cores × threads if one is given, else 2
  memoryMb @1 :UInt32;          # MiB; default 512; memory beyond 2 GiB is above the PCI hole, from 4 GiB on
  sockets @2 :UInt32;           # default 1
  cores @3 :UInt32;             # per socket; default cpus / sockets / threads
  threads @4 :UInt32;           # per core; default 1
  llcs @5 :UInt32;              # last-level caches of the machine; default one per socket
  numaNodes @6 :UInt32;         # of the machine, each with the same LLCs and memory; default 1
}

enum SwitchMode {
  full @0;                      # every fair-class task goes to sched_ext
  partial @1;                   # only tasks of policy EXT
}

enum SchedulerFault {
  none @0;
  stall @1;                     # leaves runnable tasks undispatched: the kernel's watchdog ejects the scheduler
  unknownDsq @2;                # dispatches to a DSQ that does not exist: a runtime error
  bpfError @3;                  # calls scx_bpf_error()
  swallow @4;                   # ops.enqueue drops runnable tasks: ejected like a stall
}

struct SchedulerSpec {
  union {
    none @0 :Void;              # the kernel's own classes only
    vtime @1 :VtimeScheduler;   # ktape's vtime-weighted scheduler
    external @2 :ExternalScheduler; # any program that attaches a scheduler
  }
}

struct ExternalScheduler {
  # Runs from before the workers start until the run ends, then gets SIGINT. It runs unmodified.
  program @0 :Text;             # a path from the scenario's folder; or a name, searched there, in --scheduler-dir, on PATH
  arguments @1 :List(Text);
  attachDeadlineMs @2 :UInt32;  # from its start until a scheduler is enabled; default 30,000; after a failed enable
                                # the program has 10 s for another one
  guestPath @3 :Text;           # its path in the guest; set by the host, never by a scenario
}

struct VtimeScheduler {
  switchMode @0 :SwitchMode;
  sliceUs @1 :UInt32;           # default 20,000
  timeoutMs @2 :UInt32;         # the kernel's stall watchdog; default 30,000, which is its maximum
  fault @3 :SchedulerFault;
  faultAfterMs @4 :UInt32;      # after attaching
  keepVtimeOnEnable @5 :Bool;   # ops.enable leaves dsq_vtime as it is, and declares nothing about it
}

enum Policy {
  normal @0;
  batch @1;
  idle @2;
  fifo @3;
  rr @4;
  ext @5;
}

struct Worker {
  name @0 :Text;                # at most 15 letters, digits, '_' and '-', beginning with a letter
  policy @1 :Policy;
  priority @2 :UInt32;          # fifo and rr: 1 to 99; default 1
  nice @3 :Int32;               # normal, batch and ext
  cpus @4 :List(UInt32);        # affinity; empty: inherited
  phases @5 :List(Phase);
  loop @6 :Bool;                # repeats the phases until the run ends
  unreaped @7 :Bool;            # after its end it stays a zombie until the run ends
}

struct Phase {
  union {
    sleepMs @0 :UInt64;
    spinMs @1 :UInt64;          # spins in user space
    yieldMs @2 :UInt64;         # calls sched_yield() in a loop
  }
}

struct Step {
  name @0 :Text;
  # Adjacent cold writes with the same retryMs become one request, and so do adjacent cold reads with the same retryMs
  # and `every`. An op that is expected to be refused is a request of its own.
  actions @1 :List(Action);
}

enum WorkerState {
  sleeping @0;                  # 'S' in /proc/PID/stat
  stopped @1;                   # 'T'
  running @2;                   # 'R'
  zombie @3;                    # 'Z': it has ended; only an unreaped worker stays in it
}

struct WaitWorker {
  worker @0 :Text;
  state @1 :WorkerState;
  deadlineMs @2 :UInt32;        # default 30,000; the run fails once it passes
}

struct WaitProgram {
  deadlineMs @0 :UInt32;        # default 30,000; the run fails once it passes
}

struct WorkerSignal {
  worker @0 :Text;
  signal @1 :Int32;             # e.g. 19, SIGSTOP
}

struct WorkerPolicy {
  worker @0 :Text;
  policy @1 :Policy;
  priority @2 :UInt32;
}

struct WorkerFacts {
  worker @0 :Text;
}

struct Action {
  union {
    sleepMs @0 :UInt64;
    wait @1 :WaitWorker;
    op @2 :ScenarioOp;
    hold @3 :Void;              # sleep until durationMs after the first step
    panic @4 :Void;             # the guest panics: sysrq 'c'
    signal @5 :WorkerSignal;
    setPolicy @6 :WorkerPolicy;
    report @7 :WorkerFacts;     # the guest reports what it knows about a worker, for comparison with what the host reads
    waitProgram @8 :WaitProgram; # waits until the external scheduler's program ends by itself, with any status
  }
}

struct Every {
  ms @0 :UInt32;                # at least 1; in guest time
}

struct ScenarioOp {
  mode @0 :Op.OpMode;           # with `every`, the default is hot
  entry @1 :Op.OpEntry;
  retryMs @2 :Int32 = -1;       # default: the scenario's
  expect @3 :Op.Expectation;    # default: that it is done
  every @4 :Every;              # reads: again at each interval, until the step ends; default: once
}
