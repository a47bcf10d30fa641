# SPDX-License-Identifier: Apache-2.0
@0xb4c1f6d4a1e0a202;

# What a scenario file says: Cap'n Proto text of one Scenario, e.g. `( name = "idle", steps = [...] )`.
# 0 and empty mean "the default", which is named beside each field.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ktape::schema");

using Op = import "op.capnp";

struct Scenario {
  name @0 :Text;                # at most 100 letters, digits, '_', '-' and '.', beginning with one of the former two
  description @1 :Text;
  durationMs @2 :UInt32;        # counted from the first step; `hold` sleeps to its end
  watchdogMs @3 :UInt32;        # run watchdog: host time from the first step, frozen time not counted; default 60,000
  bootDeadlineMs @4 :UInt32;    # host time from QEMU's start to the first step, frozen time not counted; default
                                # 120,000, and for each vCPU beyond 2 another 2,000 (KVM) or 12,000 (TCG)
  machine @5 :MachineSpec;
  scheduler @6 :SchedulerSpec;
  workers @7 :List(Worker);     # all started, in order, before the first step
  steps @8 :List(Step);
  freezes @9 :FreezeSpec;       # of the host's own, beside those for ops
  retryMs @10 :Int32 = -1;      # how long an op that a passing condition refuses is tried again; default 1,000; 0: never
  agentPriority @11 :UInt32;     # of the agent, SCHED_FIFO: 1 to 99; default 99. A task of equal or higher priority that does
                                # not sleep keeps it off its CPU, and SCHED_DEADLINE beats all. Kernels with PREEMPT_RT
                                # run interrupts at 50, and so does sched_ext the thread that takes a scheduler down
}

struct FreezeSpec {
  # The command line's --freeze-on and --freeze-every each stand in for what is said here.
  on @0 :List(Text);            # as --freeze-on: "scx-error", "symbol:NAME*N", "symbol:NAME@step:STEP", "none", ...
  everyMs @1 :UInt32;           # as --freeze-every; default: not at intervals
}

struct MachineSpec {
  # A socket has the same number of cores as every other, and so on down: what does not divide is refused.
  cpus @0 :UInt32;              # vCPUs, 1 to 64; default sockets × cores × threads if one is given, else 2
  memoryMb @1 :UInt32;          # MiB; default 512; what is beyond 2 GiB stands above the PCI hole, from 4 GiB on
  sockets @2 :UInt32;           # default 1
  cores @3 :UInt32;             # of a socket; default cpus / sockets / threads
  threads @4 :UInt32;           # of a core; default 1
  llcs @5 :UInt32;              # last-level caches of the machine; default one per socket
  numaNodes @6 :UInt32;         # of the machine, each with the same LLCs and memory; default 1
}

enum SwitchMode {
  full @0;                      # every fair-class task goes to sched_ext
  partial @1;                   # only tasks of policy EXT
}

enum SchedulerFault {
  none @0;
  stall @1;                     # runnable tasks are left undispatched: the kernel's watchdog ejects the scheduler
  unknownDsq @2;                # a dispatch to a DSQ that does not exist: a runtime error
  bpfError @3;                  # the scheduler gives up by itself with scx_bpf_error()
  swallow @4;                   # ops.enqueue keeps runnable tasks to itself: ejected like a stall
}

struct SchedulerSpec {
  union {
    none @0 :Void;              # the kernel's own classes only
    vtime @1 :VtimeScheduler;   # ktape's vtime-weighted scheduler
    external @2 :ExternalScheduler; # any program that attaches a scheduler
  }
}

struct ExternalScheduler {
  # Runs from before the workers start until the run ends, then gets SIGINT. Nothing of it is changed.
  program @0 :Text;             # a path, from the scenario's folder; or a name, looked for there, in --scheduler-dir, on PATH
  arguments @1 :List(Text);
  attachDeadlineMs @2 :UInt32;  # from its start until the kernel has enabled a scheduler; default 30,000; after an enable that
                                # failed the program has 10 s for another
  guestPath @3 :Text;           # where the guest has it; filled in by the host, never by a scenario
}

struct VtimeScheduler {
  switchMode @0 :SwitchMode;
  sliceUs @1 :UInt32;           # default 20,000
  timeoutMs @2 :UInt32;         # the kernel's stall watchdog; default 30,000, which is its maximum
  fault @3 :SchedulerFault;
  faultAfterMs @4 :UInt32;      # after attaching
  keepVtimeOnEnable @5 :Bool;   # ops.enable leaves dsq_vtime as it finds it, and nothing is declared about it
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
  loop @6 :Bool;                # phases again from the first, until the run ends
  unreaped @7 :Bool;            # once it has ended it stays a zombie, until the run ends
}

struct Phase {
  union {
    sleepMs @0 :UInt64;
    spinMs @1 :UInt64;          # busy in user space
    yieldMs @2 :UInt64;         # sched_yield() again and again
  }
}

struct Step {
  name @0 :Text;
  # Adjacent cold writes of one retryMs become one request, and so do adjacent cold reads. An op that is to be refused is
  # one by itself.
  actions @1 :List(Action);
}

enum WorkerState {
  sleeping @0;                  # 'S' in /proc/PID/stat
  stopped @1;                   # 'T'
  running @2;                   # 'R'
  zombie @3;                    # 'Z': it has ended; only an unreaped worker stays so
}

struct WaitWorker {
  worker @0 :Text;
  state @1 :WorkerState;
  deadlineMs @2 :UInt32;        # default 30,000; the run fails when it passes
}

struct WaitProgram {
  deadlineMs @0 :UInt32;        # default 30,000; the run fails when it passes
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
    report @7 :WorkerFacts;     # the guest says what it knows of a worker, for comparison with what the host reads
    waitProgram @8 :WaitProgram; # until the external scheduler's program has ended by itself, whatever its status
  }
}

struct ScenarioOp {
  mode @0 :Op.OpMode;
  entry @1 :Op.OpEntry;
  retryMs @2 :Int32 = -1;       # default: the scenario's
  expect @3 :Op.Expectation;    # default: that it is done
}
