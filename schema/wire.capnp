# SPDX-License-Identifier: Apache-2.0
@0xb4c1f6d4a1e0a204;

# Messages between the agent (PID 1 in the guest) and the host, over the virtio-serial port
# "org.ktape.agent". A frame is a 32-bit little-endian length and that many bytes: one message in
# Cap'n Proto's stream framing.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ktape::schema");

using Op = import "op.capnp";
using Rec = import "record.capnp";
using Scn = import "scenario.capnp";

const protocolVersion :UInt32 = 2;

struct FromAgent {
  guestNs @0 :UInt64;           # CLOCK_MONOTONIC when sent
  union {
    unknown @1 :Void;
    hello @2 :Hello;
    schedulerAttached @3 :Rec.SchedulerAttached;
    schedulerOutput @4 :Rec.SchedulerOutput;
    schedulerExited @5 :Rec.SchedulerExited;
    workerStarted @6 :Rec.WorkerStarted;
    workerReport @7 :Rec.WorkerReport;
    stepStarted @8 :Rec.StepStarted; # the agent waits for stepReady
    stepFinished @9 :Rec.StepFinished;
    request @10 :OpRequest;     # the agent waits for its reply
    done @11 :Rec.GuestExited;  # the last message; the agent powers off once the host has sent doneHeard
    facts @12 :Rec.GuestFacts;
    schedulerState @13 :SchedulerState;
  }
}

struct Hello {
  protocol @0 :UInt32;
  guest @1 :Rec.GuestHello;
}

struct SchedulerState {
  # With an external scheduler: sysfs reports a new state of sched_ext, or the scheduler's program ended.
  # What is in the kernel's memory the host reads itself.
  state @0 :Data;               # /sys/kernel/sched_ext/state
  names @1 :List(Data);         # of the schedulers in sysfs, the root scheduler first
  program @2 :Text;             # its path in the guest
  pid @3 :Int32;
  ended @4 :Bool;
  killed @5 :Bool;
  status @6 :Int32;             # its exit status, or the signal that killed it
  enableSeq @7 :Data;           # /sys/kernel/sched_ext/enable_seq; empty on a kernel without it
}

struct OpRequest {
  id @0 :UInt64;                # the agent's own; comes back in the reply
  step @1 :UInt32;
  firstAction @2 :UInt32;
  mode @3 :Op.OpMode;
  entries @4 :List(Op.OpEntry);
  retryMs @5 :Int32 = -1;       # guest-running time; -1: 1,000
  expect @6 :Op.Expectation;    # of its only entry
  interval @7 :UInt64;          # as in OpRequested
}

struct FromHost {
  union {
    unknown @0 :Void;
    scenario @1 :Scn.Scenario;  # the answer to hello: start
    reply @2 :OpReply;
    stop @3 :Void;              # end the run and power off
    schedulersSettled @4 :Void; # the program has ended, and each scheduler's exit is on the tape or never will be
    stepReady @5 :UInt32;       # the answer to stepStarted: this step's triggers are armed; its actions begin
    schedulerNews @6 :SchedulerNews;
    doneHeard @7 :Void;         # `done` is on the tape
  }
}

struct SchedulerNews {
  # The result of an enable by an external scheduler's program, as read from the kernel's memory.
  name @0 :Data;                # sched_ext_ops.name
  attached @1 :Bool;            # tasks became the scheduler's; it may have been ejected since, even during its enable
  why @2 :Data;                 # the enable failed: the kernel's message, or its reason if it has none
}

struct OpReply {
  request @0 :UInt64;           # OpRequest.id
  result @1 :Rec.OpReplied;
}
