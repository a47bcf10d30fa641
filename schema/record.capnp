# SPDX-License-Identifier: Apache-2.0
@0xb4c1f6d4a1e0a203;

# The records of a tape. One row of the table `event` is one Record.
#
# Rules: fields and kinds are only ever added, never renumbered. A default value means "the recorder
# did not say". Text that the kernel or the guest wrote is Data. Ids are dense, given by the host,
# and count from 1.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ktape::schema");

using Op = import "op.capnp";
using Scn = import "scenario.capnp";

struct Record {
  seq @0 :UInt64;               # equals event.seq; the first record is 1
  hostNs @1 :UInt64;            # CLOCK_MONOTONIC since the run began, when the host observed it
  guestNs @2 :UInt64;           # guest CLOCK_MONOTONIC when sent; 0: did not come from the guest
  union {                       # event.kind is the ordinal of the member minus 3
    unknown @3 :Void;           # never written
    runStarted @4 :RunStarted;
    kernelIdentified @5 :KernelIdentified;
    layoutUsed @6 :LayoutUsed;
    guestHello @7 :GuestHello;
    schedulerAttached @8 :SchedulerAttached;
    schedulerOutput @9 :SchedulerOutput;
    schedulerExited @10 :SchedulerExited;
    workerStarted @11 :WorkerStarted;
    workerReport @12 :WorkerReport;
    stepStarted @13 :StepStarted;
    stepFinished @14 :StepFinished;
    opRequested @15 :OpRequested;
    opDeferred @16 :OpDeferred;
    freezeBegan @17 :FreezeBegan;
    frozen @18 :Frozen;
    thawed @19 :Thawed;
    gateChecked @20 :GateChecked;
    opReplied @21 :OpReplied;
    sample @22 :Sample;
    traceChunk @23 :TraceChunk;
    console @24 :Console;
    guestPanicked @25 :GuestPanicked;
    watchdogFired @26 :WatchdogFired;
    machineLost @27 :MachineLost;
    guestExited @28 :GuestExited;
    lost @29 :Lost;
    sealed @30 :Sealed;
    guestOops @31 :GuestOops;
    guestFacts @32 :GuestFacts;
    slimmed @33 :Slimmed;
    triggerChanged @34 :TriggerChanged;
    schedulerAttempted @35 :SchedulerAttempted;
    schedulerEnableFailed @36 :SchedulerExited; # its id is that of the attempt
    runDelays @37 :RunDelays;
    clocksourceSeen @38 :ClocksourceSeen;
  }
}

enum Accelerator {
  notSaid @0;
  kvm @1;
  tcg @2;
  auto @3;
}

struct RunStarted {
  ktapeVersion @0 :Text;
  hostCpu @1 :Data;
  hostKernel @2 :Data;
  acceleratorAsked @3 :Accelerator;
  acceleratorUsed @4 :Accelerator;
  acceleratorReason @5 :Text;
  qemuVersion @6 :Data;
  qemuArguments @7 :List(Text);
  cpus @8 :UInt32;
  sockets @9 :UInt32;
  cores @10 :UInt32;            # of a socket
  threads @11 :UInt32;          # of a core
  numaNodes @12 :UInt32;
  memoryBytes @13 :UInt64;
  kernelImage @14 :Text;        # as given: a version or a path
  kernelImageDigest @15 :Data;  # SHA-256
  kernelCommandLine @16 :Text;
  initramfsDigest @17 :Data;    # SHA-256
  scenario @18 :Scn.Scenario;
  scenarioText @19 :Text;       # the file, byte for byte
  wallClockNs @20 :UInt64;      # CLOCK_REALTIME when the run began
  fastBoot @21 :Bool;           # --fast-boot: the kernel under test was changed by its command line
  timeIsReal @22 :Bool;         # kvm, on a host that is no guest itself (older recorders: kvm); assertions about time
                                # go by runDelays, and by this where the tape has none
  llcs @23 :UInt32;             # last-level caches of the machine
  memoryMode @24 :MemoryMode;   # what was to be kept of the guest's memory at each freeze
  guestFiles @25 :List(PackedFile); # what the guest was given besides the agent: its scheduler, libraries, overlays
  guestFilesDigest @26 :Data;   # SHA-256 of the archive of all of them; empty: there were none
  guestFilesLeftOut @27 :UInt32; # files that the list above leaves out
  freezeTriggers @28 :List(PlannedTrigger); # what the machine was to be frozen for, beside requests
  freezeEveryMs @29 :UInt64;    # --freeze-every; 0: never
  arguments @30 :List(Text);    # what `ktape capture` was asked, word by word, in one form: the scenario first
  workingFolder @31 :Text;      # that relative paths among them start from
  schedulerProgram @32 :TestedProgram; # of a scheduler that the user brought
  hostProcessor @33 :HostProcessor;
  freezesResetWatchdogs @34 :Bool; # kvm: the guest is told after each freeze that it stood still, and its kernel
                                # begins to watch for lock-ups anew
}

struct HostProcessor {
  # What the host's processor says of itself, by the CPUID instruction; its name is RunStarted.hostCpu.
  known @0 :Bool;               # false: an older recorder did not say
  hypervisor @1 :Bool;          # leaf 1, ECX bit 31: the host is itself a guest
  hypervisorName @2 :Data;      # leaf 0x40000000: whose, "KVMKVMKVM", "TCGTCGTCGTCG"; empty: it does not say
  vendor @3 :Data;              # leaf 0: "AuthenticAMD"
  kvmNested @4 :Data;           # parameter `nested` of the host's kvm_amd or kvm_intel: "1", "Y"; empty: it has neither
  cpus @5 :UInt32;              # of the host's that ktape and QEMU may run on; 0: not known
}

enum CheckoutState {
  notSaid @0;
  none @1;                      # the program is in no git checkout
  clean @2;                     # no file of the checkout that git tracks differs from the commit
  changed @3;
  notKnown @4;                  # git could not say; `reason` has why
}

struct TestedProgram {
  path @0 :Text;                # on the host, absolute
  digest @1 :Data;              # SHA-256 of its content
  buildId @2 :Data;             # GNU build-id; empty: it has none
  checkout @3 :CheckoutState;   # of the folder that it stands in, links followed
  commit @4 :Text;              # that is checked out there, in hex
  checkoutFolder @5 :Text;      # the checkout's own folder
  reason @6 :Text;
  untracked @7 :Int32 = -1;     # files and folders there that git neither tracks nor ignores; -1: not counted
}

struct PlannedTrigger {
  name @0 :Text;                # as in FreezeBegan.trigger
  function @1 :Text;            # of the kernel, at whose entry it freezes
  times @2 :UInt32;             # hits that it freezes for at most
  arming @3 :TriggerArming;     # from when on
  step @4 :UInt32;              # arming step: which, its index in the scenario
}

enum TriggerArming {
  notSaid @0;                   # an older recorder: once the booted kernel was understood
  kernelKnown @1;               # once the booted kernel is understood
  attach @2;                    # once the first scheduler is attached
  step @3;                      # once a step has begun, before its first action
}

enum TriggerChange {
  notSaid @0;
  armed @1;                     # its breakpoint was set: the machine ran with it from here on
  notArmed @2;                  # it could not be; `reason` says why
  spent @3;                     # it had all the hits that it may have, and its breakpoint was cleared
  givenUp @4;                   # its function was entered too often for nothing, and its breakpoint was cleared
}

struct TriggerChanged {
  trigger @0 :Text;             # as in FreezeBegan.trigger
  change @1 :TriggerChange;
  address @2 :UInt64;           # of its function in this guest; 0: not known
  reason @3 :Text;
}

struct PackedFile {
  path @0 :Text;                # in the guest
  bytes @1 :UInt64;
  digest @2 :Data;              # SHA-256 of its content
}

enum MemoryMode {
  notSaid @0;
  none @1;
  touched @2;                   # what ops, gates, walks and evidence read or wrote
  sched @3;                     # that, and what the scheduler consists of: runqueues, tasks, DSQs, BPF maps, ...
  full @4;                      # all of it
}

struct KernelIdentified {
  release @0 :Data;
  banner @1 :Data;              # linux_banner, as read from guest memory
  buildId @2 :Data;             # GNU build-id of the image
  vmcoreinfo @3 :Data;          # text; empty when the guest has none
  kaslrSlide @4 :UInt64;        # virtual: run-time minus link-time address of kernel text
  physBase @5 :UInt64;          # the kernel's own phys_base
  pageOffset @6 :UInt64;        # start of the direct map
  pagingLevels @7 :UInt32;      # 4 or 5
  hz @8 :UInt32;
  cpus @9 :UInt32;              # nr_cpu_ids
  preemption @10 :Data;         # e.g. "PREEMPT_DYNAMIC", from the banner
  btfDigest @11 :Data;          # SHA-256 of raw BTF; also the key of its blob
  symbolsDigest @12 :Data;      # SHA-256; key of the symbol table's blob
  adoptionNs @13 :UInt64;       # host time from first look at guest memory to readiness
  vmcoreinfoAgrees @14 :Bool;   # the slide found equals the guest's KERNELOFFSET
  softLockupMs @15 :UInt64;     # how long a CPU may be locked up until the kernel tells; 0: it does not watch, not known
  rcuStallMs @16 :UInt64;       # how long RCU may be held up until it tells; 0 likewise
}

struct LayoutUsed {
  # Once per field: where this kernel keeps it.
  type @0 :Data;                # "struct task_struct"
  path @1 :Text;                # "scx.dsq_vtime"
  offsetBytes @2 :UInt64;       # from the start of `type`
  sizeBytes @3 :UInt64;
  encoding @4 :Data;            # BTF's name of the member's type
}

struct GuestHello {
  agentVersion @0 :Text;
  release @1 :Data;             # uname -r
  version @2 :Data;             # uname -v
  commandLine @3 :Data;         # /proc/cmdline
  onlineCpus @4 :UInt32;
  vmcoreinfoAddress @5 :UInt64; # guest-physical; 0: the kernel does not say
  vmcoreinfoBytes @6 :UInt64;
  bootTimeNs @7 :UInt64;        # guest CLOCK_BOOTTIME
}

enum VtimeSemantics {
  notDeclared @0;
  onlyGrows @1;                 # within one attachment dsq_vtime of a task never goes back
}

struct SchedulerAttempted {
  # The kernel began to enable a scheduler: what came of it is told by a record of the same id, schedulerAttached or
  # schedulerEnableFailed. Of external schedulers only.
  id @0 :UInt32;
  name @1 :Data;                # sched_ext_ops.name
  parent @2 :UInt32;            # sub-schedulers: id of the parent; 0: none
  cgroup @3 :Data;
}

struct SchedulerAttached {
  # Its enable is complete.
  id @0 :UInt32;
  name @1 :Data;                # sched_ext_ops.name
  ops @2 :List(Text);           # callbacks that it implements
  switchMode @3 :Scn.SwitchMode;
  vtime @4 :VtimeSemantics;
  timeoutMs @5 :UInt32;
  parent @6 :UInt32;            # sub-schedulers: id of the parent; 0: none
  cgroup @7 :Data;
  objectDigest @8 :Data;        # SHA-256 of the BPF object
}

struct SchedulerOutput {
  id @0 :UInt32;                # of an external scheduler, whose program may attach several: of its first
  text @1 :Data;
  lostBytes @2 :UInt64;         # left out after this text
}

struct SchedulerExited {
  id @0 :UInt32;
  kind @1 :UInt64;              # enum scx_exit_kind
  reason @2 :Data;
  message @3 :Data;
  dump @4 :Data;
  exitCode @5 :Int64;           # enum scx_exit_code: an action in bits 48 to 63, a reason in 32 to 47, its own below
  unfinished @6 :Bool;          # the kernel had decided on the exit, and was not done with it when the run ended
}

struct WorkerStarted {
  name @0 :Text;
  pid @1 :Int32;
  startBoottimeNs @2 :UInt64;   # /proc/PID/stat field 22 in ns
  policy @3 :Scn.Policy;
  comm @4 :Data;
}

enum WorkerEvent {
  notSaid @0;
  exited @1;                    # `status` is its exit code
  killed @2;                    # `status` is the signal
  progress @3;
}

struct WorkerReport {
  name @0 :Text;
  pid @1 :Int32;
  event @2 :WorkerEvent;
  status @3 :Int32;
  phasesDone @4 :UInt64;
}

struct StepStarted {
  step @0 :UInt32;              # index in the scenario
  name @1 :Text;
}

struct StepFinished {
  step @0 :UInt32;
  ok @1 :Bool;
  detail @2 :Text;              # why it failed
}

struct OpRequested {
  op @0 :UInt64;                # id of the request
  guestRequest @1 :UInt64;      # the guest's own id; data, never trusted; 0: the host asked by itself
  step @2 :UInt32;
  firstAction @3 :UInt32;       # index in the step of the first entry's action
  mode @4 :Op.OpMode;
  entries @5 :List(Op.OpEntry); # all reads or all writes
  retryMs @6 :Int32 = -1;       # how long a refusal by a condition that passes was to be waited for
  expect @7 :Op.Expectation;    # of its only entry
}

struct OpDeferred {
  op @0 :UInt64;
  reason @1 :Text;
}

struct OpReplied {
  op @0 :UInt64;
  freeze @1 :UInt64;            # 0: none (hot, or refused before a freeze)
  ok @2 :Bool;                  # every entry is done
  error @3 :Text;               # the request as a whole could not be served
  entries @4 :List(Op.EntryReply);
  liveNotCoherent @5 :Bool;     # hot: read while the machine ran
  tries @6 :UInt32;             # freezes that it took; `freeze` is the last; 0: none, or an older recorder did not say
  waitedNs @7 :UInt64;          # host time that the guest ran between them
  asExpected @8 :Bool;          # it was refused by the gate that OpRequested.expect names
}

enum FreezeCause {
  notSaid @0;
  request @1;
  trigger @2;                   # a breakpoint, e.g. on the scheduler's exit path
  periodic @3;
  user @4;
  watchdog @5;                  # the agent is silent at a deadline: to see who runs instead
}

struct FreezeBegan {
  freeze @0 :UInt64;
  cause @1 :FreezeCause;
  op @2 :UInt64;                # the request that is served in it; 0: none
  trigger @3 :Text;             # cause trigger: its name, e.g. "scx-error", "symbol:schedule"
  vcpu @4 :Int32 = -1;          # cause trigger: who reached it; the first of several
  detail @5 :Data;              # cause trigger: what the kernel has to say about it, e.g. an exit's reason
  hits @6 :List(TriggerHit);    # cause trigger: every vCPU that stood at a trigger's function when the machine stopped,
                                # by number; `trigger`, `vcpu`, `detail` are the first one's. Empty: an older recorder
  interval @7 :UInt64;          # cause periodic: which of the run's intervals it is, from 1: those that no freeze has
                                # were skipped. 0: an older recorder
  try @8 :UInt32;               # of the request: 1 for its first freeze; all but its last were refused, and wrote nothing
}

struct TriggerHit {
  # A vCPU was about to execute the first instruction of a trigger's function; thawed, it went past it.
  vcpu @0 :UInt32;
  trigger @1 :Text;
  detail @2 :Data;
}

enum ExecContext {
  notSaid @0;
  task @1;                      # a task's own, or the idle loop
  softirq @2;
  hardirq @3;
  nmi @4;
}

struct VcpuState {
  # Evidence of what a vCPU was doing when it stopped. `known` is false where it could not be read.
  cpu @0 :UInt32;
  known @1 :Bool;
  rip @2 :UInt64;
  symbol @3 :Text;              # "name+0xoffset"; empty: user space or unknown
  cpl @4 :UInt8;                # privilege level: 0 kernel, 3 user
  interruptsEnabled @5 :Bool;
  preemptCount @6 :UInt64;
  currentPid @7 :Int32;
  currentComm @8 :Data;
  runqueueLocked @9 :Bool;
  kernelStateKnown @10 :Bool;   # preemptCount, current and runqueueLocked were read
  context @11 :ExecContext;     # the innermost that its kernel was in, by preemptCount
  registers @12 :Registers;     # the others, where `known`; older tapes have none
  currentPolicy @13 :Int32 = -1; # of the current task, as in sched_setscheduler(2); -1: not known
  currentClass @14 :Text;       # symbol of its sched_class: "rt_sched_class"; empty: not known
  currentPriority @15 :Int32;   # its `prio`, which is in force, where the policy is known: -1 deadline, 0 to 99
                                # real time (0 is the highest), 100 and up the others
  currentRtPriority @16 :UInt32; # what fifo and rr asked for: 1 to 99 (99 is the highest)
}

struct Registers {
  # A vCPU's, named as in QEMU's gdbstub (target description i386-64bit); rip stands in VcpuState.
  rax @0 :UInt64;
  rbx @1 :UInt64;
  rcx @2 :UInt64;
  rdx @3 :UInt64;
  rsi @4 :UInt64;
  rdi @5 :UInt64;
  rbp @6 :UInt64;
  rsp @7 :UInt64;
  r8 @8 :UInt64;
  r9 @9 :UInt64;
  r10 @10 :UInt64;
  r11 @11 :UInt64;
  r12 @12 :UInt64;
  r13 @13 :UInt64;
  r14 @14 :UInt64;
  r15 @15 :UInt64;
  rflags @16 :UInt64;
  cs @17 :UInt16;
  ss @18 :UInt16;
  ds @19 :UInt16;
  es @20 :UInt16;
  fs @21 :UInt16;
  gs @22 :UInt16;
  fsBase @23 :UInt64;
  gsBase @24 :UInt64;
  kernelGsBase @25 :UInt64;
  cr0 @26 :UInt64;
  cr2 @27 :UInt64;
  cr3 @28 :UInt64;
  cr4 @29 :UInt64;
}

struct SeqcountState {
  # While a sequence count is odd, somebody is in the middle of changing what it protects.
  name @0 :Text;                # its symbol, e.g. "jiffies_seq", which protects jiffies_64
  sequence @1 :UInt32;
}

struct Frozen {
  freeze @0 :UInt64;
  stopLatencyNs @1 :UInt64;     # from asking for the stop until every vCPU stood and its registers were known
  vcpus @2 :List(VcpuState);
  bypassDepth @3 :Int64 = -1;   # scx_bypass_depth; -1: not known
  seqcounts @4 :List(SeqcountState); # those that this kernel has and ktape looks at
}

struct Thawed {
  freeze @0 :UInt64;
  frozenNs @1 :UInt64;          # host time from there to the resumption
  thawLatencyNs @2 :UInt64;
  pages @3 :UInt64;             # pages kept, zero ones not counted
  pagesDigest @4 :Data;         # SHA-256 over the sorted page list (FORMAT.md); empty: none kept
  waitedKnown @5 :Bool;         # false: an older recorder, or a host that does not tell
  waitedNs @6 :UInt64;          # in frozenNs: how long ktape's thread and QEMU's main thread waited for a CPU of the host
}

struct RunDelays {
  # How long each vCPU has waited for a CPU of the host: read at each freeze while the machine stood still, as steps
  # begin and end, and last when the agent was done or the run was ended.
  freeze @0 :UInt64;            # 0: read while the machine ran
  vcpus @1 :List(RunDelay);     # by number
  stolenKnown @2 :Bool;
  stolenNs @3 :UInt64;          # since its boot, of all CPUs of a host that is itself a guest: "steal" of /proc/stat,
                                # which counts in steps of 10 ms
}

struct RunDelay {
  # Of the thread that is a vCPU, since it began: /proc/PID/task/TID/schedstat of the host.
  vcpu @0 :UInt32;
  known @1 :Bool;
  thread @2 :Int32;             # its id on the host; vCPUs of one id take turns in one thread
  ranNs @3 :UInt64;
  waitedNs @4 :UInt64;          # it could have run, and got no CPU
  timeslices @5 :UInt64;
}

struct ClocksourceSeen {
  # What the guest's kernel takes its time from: when it was adopted, and then each time that a freeze, or the look at
  # the end, finds another one.
  name @0 :Data;                # "kvm-clock", "tsc"
  before @1 :Data;              # empty: it is the first
  freeze @2 :UInt64;            # 0: read while the machine ran
}

enum GateOutcome {
  notSaid @0;
  passed @1;
  failed @2;
  notEvaluated @3;              # there was nothing to look at
}

struct GateChecked {
  op @0 :UInt64;
  entry @1 :UInt32;
  gate @2 :Op.Gate;
  outcome @3 :GateOutcome;
  enforced @4 :Bool;            # false: observed only
  observed @5 :Data;
  expected @6 :Text;
  freeze @7 :UInt64;            # in which it was evaluated
  try @8 :UInt32;               # FreezeBegan.try of that freeze
}

struct Sample {
  # A value that the host reads by itself, at intervals, while the machine runs.
  name @0 :Text;
  target @1 :Op.Target;
  value @2 :Op.Value;
}

struct TraceChunk {
  cpu @0 :UInt32;
  pages @1 :Data;               # raw ftrace ring-buffer pages
  formats @2 :List(TraceFormat);# with the first chunk
}

struct TraceFormat {
  event @0 :Data;
  text @1 :Data;                # the event's `format` file
}

struct Console {
  text @0 :Data;
}

struct GuestPanicked {
  text @0 :Data;                # the console from the panic line on
}

enum OopsKind {
  notSaid @0;
  oops @1;                      # a fault in the kernel: "Oops: ", "BUG: unable to handle page fault"
  bug @2;                       # "kernel BUG at FILE:LINE!"
  warning @3;                   # "WARNING: CPU: ..."
  lockup @4;                    # a soft or hard lock-up, an RCU stall
}

struct GuestOops {
  # The kernel complained on its console. It may have gone on; a panic has a record of its own.
  kind @0 :OopsKind;
  text @1 :Data;                # the console from the first line of the complaint to its end
}

struct GuestFact {
  name @0 :Text;                # e.g. "sockets", "policy"
  value @1 :Data;               # as the guest's kernel puts it
}

struct GuestFacts {
  # What the guest says of itself, to be held against what the host reads.
  # Of "topology": cpus and memoryBytes; sockets, cores, llcs and numaNodes as CPU lists, one after another.
  # Of a worker: fields of /proc/PID/stat and /proc/PID/sched by the names that they have in proc(5) and there,
  # "jiffies" and "uptime" when it was asked, "schedulerVtime": the vtime in the books of ktape's scheduler.
  subject @0 :Text;             # "topology", or the name of a worker
  facts @1 :List(GuestFact);
}

struct WatchdogFired {
  name @0 :Text;                # "boot", "run"
  limitMs @1 :UInt64;
  detail @2 :Text;              # what the run was waiting for
}

struct MachineLost {
  reason @0 :Text;
}

struct GuestExited {
  explicitDone @0 :Bool;        # the agent said "done"
  exitCode @1 :Int32;           # the agent's; 0 when every step went well
  detail @2 :Text;
}

struct Lost {
  counters @0 :List(LossCounter);
}

struct LossCounter {
  name @0 :Text;                # e.g. "console_bytes"
  description @1 :Text;
  count @2 :UInt64;
}

enum Outcome {
  notSaid @0;
  completed @1;                 # the agent said done, every step went well
  scenarioFailed @2;            # the agent said done, a step did not go well
  guestPanicked @3;
  runTimedOut @4;
  bootTimedOut @5;
  machineLost @6;
  guestExited @7;               # the guest ended without saying done
  interrupted @8;               # SIGINT or SIGTERM
  hostFailed @9;                # the host could not go on; `detail` says why
  truncated @10;                # made by salvage from a tape that was never sealed
  protocolBroken @11;           # the agent sent what cannot be understood
}

struct KindCount {
  kind @0 :UInt16;
  count @1 :UInt64;
}

struct Sealed {
  outcome @0 :Outcome;
  exitCode @1 :Int32;           # the agent's; -1: it never said
  detail @2 :Text;
  records @3 :UInt64;           # before this one
  counts @4 :List(KindCount);
  pages @5 :UInt64;
  blobs @6 :UInt64;
  blobsDigest @7 :Data;         # SHA-256 over hash and SHA-256(name) of each blob, sorted by hash
  losses @8 :List(LossCounter);
  triggers @9 :List(TriggerCount); # one for each of RunStarted.freezeTriggers
  packedDigest @10 :Data;       # of how blobs and pages are packed: SHA-256 of two SHA-256, the first over
                                # hash, codec (64-bit little-endian) and SHA-256(data) of each row of blob in the
                                # order they were added, the second likewise of page
  intervals @11 :IntervalCounts;# of RunStarted.freezeEveryMs; absent: there were none, or an older recorder
}

struct IntervalCounts {
  # What became of the intervals between the first step's begin and the last one's end.
  froze @0 :UInt64;
  skippedBusy @1 :UInt64;       # the freeze before, with its recording, took longer than an interval, or ended so
                                # late that the guest would have run for less than half of one
  skippedLate @2 :UInt64;       # the host was serving something else, or got no processor
}

struct TriggerCount {
  name @0 :Text;
  armed @1 :Bool;               # its breakpoint was set; false: the run ended before, or it could not be
  freezes @2 :UInt64;
  hits @3 :UInt64;              # in those freezes, of which each has one or several; 0 with freezes: an older recorder
}

struct Slimmed {
  # This tape was made from another one: symbols, types and pages that nothing on it used are left out.
  # Stands before Sealed.
  head @0 :Data;                # head digest of the tape that it was made from
  ktapeVersion @1 :Text;        # of the program that made it
}
