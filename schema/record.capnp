# SPDX-License-Identifier: Apache-2.0
@0xb4c1f6d4a1e0a203;

# The records of a tape. One row of the table `event` is one Record.
#
# Rules: fields and kinds are only ever added, never renumbered. A default value means "the recorder
# did not record it". Text from the kernel or the guest is Data. Ids are dense, assigned by the host,
# and count from 1.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ktape::schema");

using Op = import "op.capnp";
using Scn = import "scenario.capnp";

struct Record {
  seq @0 :UInt64;               # equals event.seq; the first record is 1
  hostNs @1 :UInt64;            # CLOCK_MONOTONIC since the run began, when the host observed it
  guestNs @2 :UInt64;           # guest CLOCK_MONOTONIC when sent; 0: did not come from the guest
  union {                       # event.kind is the member's ordinal minus 3
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
  cores @10 :UInt32;            # per socket
  threads @11 :UInt32;          # per core
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
  timeIsReal @22 :Bool;         # kvm, on a host that is not a guest itself (older recorders: kvm); assertions about
                                # time use runDelays, and this if the tape has none
  llcs @23 :UInt32;             # last-level caches of the machine
  memoryMode @24 :MemoryMode;   # how much of the guest's memory to keep at each freeze
  guestFiles @25 :List(PackedFile); # files in the guest besides the agent: its scheduler, libraries, overlays
  guestFilesDigest @26 :Data;   # SHA-256 of the archive of all of them; empty: there were none
  guestFilesLeftOut @27 :UInt32; # number of files that the list above leaves out
  freezeTriggers @28 :List(PlannedTrigger); # triggers that freeze the machine, besides requests
  freezeEveryMs @29 :UInt64;    # --freeze-every; 0: never
  arguments @30 :List(Text);    # arguments of `ktape capture`, one word each, in a normal form: the scenario first
  workingFolder @31 :Text;      # the folder that relative paths among them are relative to
  schedulerProgram @32 :TestedProgram; # of a scheduler that the user brought
  hostProcessor @33 :HostProcessor;
  freezesResetWatchdogs @34 :Bool; # kvm: the guest learns after each freeze that it was paused, and its kernel
                                # restarts its lockup watchdogs
}

struct HostProcessor {
  # The host's processor according to its CPUID instruction; its name is RunStarted.hostCpu.
  known @0 :Bool;               # false: an older recorder did not record it
  hypervisor @1 :Bool;          # leaf 1, ECX bit 31: the host is itself a guest
  hypervisorName @2 :Data;      # leaf 0x40000000: the hypervisor, "KVMKVMKVM", "TCGTCGTCGTCG"; empty: not reported
  vendor @3 :Data;              # leaf 0: "AuthenticAMD"
  kvmNested @4 :Data;           # parameter `nested` of the host's kvm_amd or kvm_intel: "1", "Y"; empty: neither is loaded
  cpus @5 :UInt32;              # CPUs of the host that ktape and QEMU may run on; 0: not known
}

enum CheckoutState {
  notSaid @0;
  none @1;                      # the program is not in a git checkout
  clean @2;                     # no tracked file of the checkout differs from the commit
  changed @3;
  notKnown @4;                  # git could not tell; `reason` says why
}

struct TestedProgram {
  path @0 :Text;                # on the host, absolute
  digest @1 :Data;              # SHA-256 of its content
  buildId @2 :Data;             # GNU build-id; empty: none
  checkout @3 :CheckoutState;   # of the folder that contains it, links followed
  commit @4 :Text;              # the commit checked out there, in hex
  checkoutFolder @5 :Text;      # the checkout's own folder
  reason @6 :Text;
  untracked @7 :Int32 = -1;     # number of files and folders there that git neither tracks nor ignores; -1: not counted
}

struct PlannedTrigger {
  name @0 :Text;                # as in FreezeBegan.trigger
  function @1 :Text;            # kernel function at whose entry it freezes
  times @2 :UInt32;             # largest number of hits for which it freezes
  arming @3 :TriggerArming;     # when it is armed
  step @4 :UInt32;              # with arming `step`: its index in the scenario
}

enum TriggerArming {
  notSaid @0;                   # an older recorder: once the booted kernel was adopted
  kernelKnown @1;               # once the booted kernel is adopted
  attach @2;                    # once the first scheduler is attached
  step @3;                      # once a step has begun, before its first action
}

enum TriggerChange {
  notSaid @0;
  armed @1;                     # its breakpoint was set; the machine runs with it from here on
  notArmed @2;                  # its breakpoint could not be set; `reason` says why
  spent @3;                     # it reached its largest number of hits, and its breakpoint was cleared
  givenUp @4;                   # its function was entered too often without a hit, and its breakpoint was cleared
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
  sched @3;                     # that, and the state of the scheduler: runqueues, tasks, DSQs, BPF maps, ...
  full @4;                      # all of it
}

struct KernelIdentified {
  release @0 :Data;
  banner @1 :Data;              # linux_banner, as read from guest memory
  buildId @2 :Data;             # GNU build-id of the image
  vmcoreinfo @3 :Data;          # text; empty: the guest has none
  kaslrSlide @4 :UInt64;        # virtual: run-time minus link-time address of kernel text
  physBase @5 :UInt64;          # the kernel's own phys_base
  pageOffset @6 :UInt64;        # start of the direct map
  pagingLevels @7 :UInt32;      # 4 or 5
  hz @8 :UInt32;
  cpus @9 :UInt32;              # nr_cpu_ids
  preemption @10 :Data;         # e.g. "PREEMPT_DYNAMIC", from the banner
  btfDigest @11 :Data;          # SHA-256 of raw BTF; also the key of its blob
  symbolsDigest @12 :Data;      # SHA-256; key of the symbol table's blob
  adoptionNs @13 :UInt64;       # host time from the first read of guest memory to readiness
  vmcoreinfoAgrees @14 :Bool;   # the slide found equals the guest's KERNELOFFSET
  softLockupMs @15 :UInt64;     # how long a CPU is locked up until the kernel reports it; 0: off, or not known
  rcuStallMs @16 :UInt64;       # how long RCU is stalled until the kernel reports it; 0 likewise
}

struct LayoutUsed {
  # Once per field: its place in this kernel.
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
  vmcoreinfoAddress @5 :UInt64; # guest-physical; 0: the kernel does not export it
  vmcoreinfoBytes @6 :UInt64;
  bootTimeNs @7 :UInt64;        # guest CLOCK_BOOTTIME
}

enum VtimeSemantics {
  notDeclared @0;
  onlyGrows @1;                 # within one attachment dsq_vtime of a task never goes back
}

struct SchedulerAttempted {
  # The kernel began to enable a scheduler: a later record of the same id has the result, schedulerAttached or
  # schedulerEnableFailed. For external schedulers only.
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
  id @0 :UInt32;                # of an external scheduler, whose program may attach several: the first one's
  text @1 :Data;
  lostBytes @2 :UInt64;         # number of bytes left out after this text
}

struct SchedulerExited {
  id @0 :UInt32;
  kind @1 :UInt64;              # enum scx_exit_kind
  reason @2 :Data;
  message @3 :Data;
  dump @4 :Data;
  exitCode @5 :Int64;           # enum scx_exit_code: action in bits 48 to 63, reason in 32 to 47, its own below
  unfinished @6 :Bool;          # the kernel had decided on the exit but had not finished it when the run ended
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
  series @3 :List(SeriesCount); # of its ops with `every`, in their order; an older recorder has none
}

struct SeriesCount {
  # How often an op with `every` was requested in its step. An interval whose time came while the agent was busy with
  # another request, or did not run, is missed; it is not made up for.
  firstAction @0 :UInt32;       # as in OpRequested
  requested @1 :UInt64;
  missed @2 :UInt64;
}

struct OpRequested {
  op @0 :UInt64;                # id of the request
  guestRequest @1 :UInt64;      # the guest's own id; data, never trusted; 0: the host made the request
  step @2 :UInt32;
  firstAction @3 :UInt32;       # index in the step of the first entry's action
  mode @4 :Op.OpMode;
  entries @5 :List(Op.OpEntry); # all reads or all writes
  retryMs @6 :Int32 = -1;       # how long to retry a refusal by a condition that may pass
  expect @7 :Op.Expectation;    # of its only entry
  interval @8 :UInt64;          # of an op with `every`: 1 is the request at once, n the one that was due n - 1 intervals
                                # later; numbers that are missing were missed. 0: no `every`
}

struct OpDeferred {
  op @0 :UInt64;
  reason @1 :Text;
}

struct OpReplied {
  op @0 :UInt64;
  freeze @1 :UInt64;            # 0: none (hot, or refused before a freeze)
  ok @2 :Bool;                  # every entry was done
  error @3 :Text;               # why the request as a whole could not be served
  entries @4 :List(Op.EntryReply);
  liveNotCoherent @5 :Bool;     # hot: read while the machine was running
  tries @6 :UInt32;             # number of freezes that it took; `freeze` is the last; 0: none, or an older recorder
  waitedNs @7 :UInt64;          # host time for which the guest ran between them
  asExpected @8 :Bool;          # it was refused by the gate that OpRequested.expect names
}

enum FreezeCause {
  notSaid @0;
  request @1;
  trigger @2;                   # a breakpoint, e.g. on the scheduler's exit path
  periodic @3;
  user @4;
  watchdog @5;                  # the agent is silent at a deadline: shows what runs instead
}

struct FreezeBegan {
  freeze @0 :UInt64;
  cause @1 :FreezeCause;
  op @2 :UInt64;                # the request that is served in it; 0: none
  trigger @3 :Text;             # cause trigger: its name, e.g. "scx-error", "symbol:schedule"
  vcpu @4 :Int32 = -1;          # cause trigger: the vCPU that hit it; the first of several
  detail @5 :Data;              # cause trigger: the kernel's information about it, e.g. an exit's reason
  hits @6 :List(TriggerHit);    # cause trigger: every vCPU that was at a trigger's function when the machine stopped,
                                # by number; `trigger`, `vcpu`, `detail` are the first one's. Empty: an older recorder
  interval @7 :UInt64;          # cause periodic: number of the interval in the run, from 1; intervals without a freeze
                                # were skipped. 0: an older recorder
  try @8 :UInt32;               # of the request, from 1; all but the last try were refused, and wrote nothing
}

struct TriggerHit {
  # A vCPU was about to execute the first instruction of a trigger's function; after the thaw, it executed it.
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
  # Evidence of what a vCPU was doing when it stopped. `known` is false if it could not be read.
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
  context @11 :ExecContext;     # the innermost context of its kernel, by preemptCount
  registers @12 :Registers;     # the other registers, if `known`; older tapes have none
  currentPolicy @13 :Int32 = -1; # of the current task, as in sched_setscheduler(2); -1: not known
  currentClass @14 :Text;       # symbol of its sched_class: "rt_sched_class"; empty: not known
  currentPriority @15 :Int32;   # its effective `prio`, if the policy is known: -1 deadline, 0 to 99
                                # real time (0 is the highest), 100 and up the others
  currentRtPriority @16 :UInt32; # the requested priority of fifo and rr: 1 to 99 (99 is the highest)
}

struct Registers {
  # A vCPU's registers, named as in QEMU's gdbstub (target description i386-64bit); rip is in VcpuState.
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
  # While a sequence count is odd, the data that it protects is being changed.
  name @0 :Text;                # its symbol, e.g. "jiffies_seq", which protects jiffies_64
  sequence @1 :UInt32;
}

struct Frozen {
  freeze @0 :UInt64;
  stopLatencyNs @1 :UInt64;     # from the request to stop until every vCPU had stopped and its registers were known
  vcpus @2 :List(VcpuState);
  bypassDepth @3 :Int64 = -1;   # scx_bypass_depth; -1: not known
  seqcounts @4 :List(SeqcountState); # those of this kernel that ktape reads
}

struct Thawed {
  freeze @0 :UInt64;
  frozenNs @1 :UInt64;          # host time from there to the thaw
  thawLatencyNs @2 :UInt64;
  pages @3 :UInt64;             # number of pages kept, without zero pages
  pagesDigest @4 :Data;         # SHA-256 over the sorted page list (FORMAT.md); empty: none kept
  waitedKnown @5 :Bool;         # false: an older recorder, or a host that does not report it
  waitedNs @6 :UInt64;          # part of frozenNs: ktape's thread and QEMU's main thread waited for a host CPU
  waiting @7 :WaitingTasks;     # absent: an older recorder, no sched_ext, or not enough memory was kept to find them
}

struct WaitingTasks {
  # The tasks that were runnable in this freeze and waited in sched_ext for a CPU: on their runqueue's runnable_list,
  # which the kernel's watchdog checks, or in a DSQ. Found in the memory that was kept of the freeze.
  total @0 :UInt64;
  incomplete @1 :Bool;          # part of that memory could not be read: there may be more
  tasks @2 :List(WaitingTask);  # the longest wait first; at most 1000
}

struct WaitingTask {
  pid @0 :Int32;
  comm @1 :Data;
  dsq @2 :Data;                 # the name of its DSQ, SCX_DSQ_LOCAL, or "user 0x1f"; empty: in none
  waitedMs @3 :Int64 = -1;      # since it became runnable, as the kernel's watchdog counts; -1: not known
  cpus @4 :Text;                # where it may run, a CPU list: "0-3,7"; empty: not known
  lastCpu @5 :Int32 = -1;       # where it ran last; -1: not known
}

struct RunDelays {
  # How long each vCPU has waited for a CPU of the host: read at each freeze while the machine was frozen, at the begin
  # and end of each step, and last when the agent was done or the run was ended.
  freeze @0 :UInt64;            # 0: read while the machine was running
  vcpus @1 :List(RunDelay);     # by number
  stolenKnown @2 :Bool;
  stolenNs @3 :UInt64;          # since its boot, of all CPUs of a host that is itself a guest: "steal" in /proc/stat,
                                # which counts in steps of 10 ms
}

struct RunDelay {
  # Of a vCPU's thread, since it started: /proc/PID/task/TID/schedstat of the host.
  vcpu @0 :UInt32;
  known @1 :Bool;
  thread @2 :Int32;             # its id on the host; vCPUs with one id share one thread
  ranNs @3 :UInt64;
  waitedNs @4 :UInt64;          # it was runnable but got no CPU
  timeslices @5 :UInt64;
}

struct ClocksourceSeen {
  # The clocksource of the guest's kernel: when it was adopted, and then each time that a freeze, or the check at
  # the end, finds a different one.
  name @0 :Data;                # "kvm-clock", "tsc"
  before @1 :Data;              # empty: this is the first
  freeze @2 :UInt64;            # 0: read while the machine was running
}

enum GateOutcome {
  notSaid @0;
  passed @1;
  failed @2;
  notEvaluated @3;              # there was nothing to evaluate
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
  # A value that the host reads at intervals while the machine runs.
  name @0 :Text;
  target @1 :Op.Target;
  value @2 :Op.Value;
}

struct TraceChunk {
  # Sub-buffers of a trace ring of the guest's kernel, in the order in which they were written. Each freeze has one of
  # every ring that was kept, also without sub-buffers, for the counters.
  cpu @0 :UInt32;
  pages @1 :Data;               # the sub-buffers, one after another, as they lay in memory; at most 4 MiB unpacked
  formats @2 :List(TraceFormat);# of events whose format no earlier chunk has
  instance @3 :Data;            # tracefs instance of the ring; empty: the global one
  subBufferBytes @4 :UInt32;    # size of each; 0: 4096
  codec @5 :UInt8;              # of `pages`, as in blob.codec: 0 as they are, 1 one zstd frame
  generation @6 :UInt64;        # of the first sub-buffer: the ring's pages_touched when it was begun. The next has one
                                # more; numbers that no chunk has are sub-buffers that were lost
  open @7 :Bool;                # the last sub-buffer was still being written. If the ring's next chunk that has
                                # sub-buffers begins with its generation, that one replaces it
  readBytes @8 :UInt32;         # bytes of data of the first sub-buffer that a reader in the guest had consumed
  freeze @9 :UInt64;            # lifted in this freeze; 0: while the machine ran
  clock @10 :Data;              # the ring's trace clock: "mono" is CLOCK_MONOTONIC, as Record.guestNs
  counters @11 :RingCounters;   # absent: lifted while the machine ran
}

struct RingCounters {
  # struct ring_buffer_per_cpu, in the freeze. Of the `entries`, `overrun` were overwritten and `read` consumed by a
  # reader in the guest; the others are in the ring.
  entries @0 :UInt64;
  overrun @1 :UInt64;
  read @2 :UInt64;
  dropped @3 :UInt64;           # events that a full ring in producer/consumer mode did not take
  commitOverrun @4 :UInt64;     # events lost to interrupts that were writing
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
  lockup @4;                    # a soft or hard lockup, an RCU stall
}

struct GuestOops {
  # The kernel complained on its console. It may have continued; a panic has its own record.
  kind @0 :OopsKind;
  text @1 :Data;                # the console from the first line of the complaint to its end
}

struct GuestFact {
  name @0 :Text;                # e.g. "sockets", "policy"
  value @1 :Data;               # as the guest's kernel prints it
}

struct GuestFacts {
  # What the guest reports about itself, for comparison with what the host reads.
  # For "topology": cpus and memoryBytes; sockets, cores, llcs and numaNodes as CPU lists, one after another.
  # For a worker: fields of /proc/PID/stat and /proc/PID/sched under their names in proc(5) and there,
  # "jiffies" and "uptime" at the time of the read, "schedulerVtime": the vtime that ktape's scheduler keeps.
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
  exitCode @1 :Int32;           # the agent's; 0 if every step succeeded
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
  completed @1;                 # the agent said done, every step succeeded
  scenarioFailed @2;            # the agent said done, a step failed
  guestPanicked @3;
  runTimedOut @4;
  bootTimedOut @5;
  machineLost @6;
  guestExited @7;               # the guest ended without saying done
  interrupted @8;               # SIGINT or SIGTERM
  hostFailed @9;                # the host could not continue; `detail` says why
  truncated @10;                # made by salvage from a tape that was never sealed
  protocolBroken @11;           # the agent sent data that cannot be parsed
}

struct KindCount {
  kind @0 :UInt16;
  count @1 :UInt64;
}

struct Sealed {
  outcome @0 :Outcome;
  exitCode @1 :Int32;           # the agent's; -1: it never sent one
  detail @2 :Text;
  records @3 :UInt64;           # number of records before this one
  counts @4 :List(KindCount);
  pages @5 :UInt64;
  blobs @6 :UInt64;
  blobsDigest @7 :Data;         # SHA-256 over hash and SHA-256(name) of each blob, sorted by hash
  losses @8 :List(LossCounter);
  triggers @9 :List(TriggerCount); # one for each of RunStarted.freezeTriggers
  packedDigest @10 :Data;       # how blobs and pages are packed: SHA-256 of two SHA-256, the first over
                                # hash, codec (64-bit little-endian) and SHA-256(data) of each row of blob in the
                                # order in which they were added, the second likewise for page
  intervals @11 :IntervalCounts;# of RunStarted.freezeEveryMs; absent: there were none, or an older recorder
}

struct IntervalCounts {
  # The result of each interval between the begin of the first step and the end of the last.
  froze @0 :UInt64;
  skippedBusy @1 :UInt64;       # the previous freeze, with its recording, took longer than an interval, or ended so
                                # late that the guest would have run for less than half an interval
  skippedLate @2 :UInt64;       # the host was serving something else, or got no CPU
}

struct TriggerCount {
  name @0 :Text;
  armed @1 :Bool;               # its breakpoint was set; false: the run ended before, or it could not be set
  freezes @2 :UInt64;
  hits @3 :UInt64;              # in those freezes, one or several in each; 0 with freezes: an older recorder
}

struct Slimmed {
  # This tape was made from another one without the symbols and types that nothing on it uses.
  # Comes before Sealed.
  head @0 :Data;                # head digest of the tape from which it was made
  ktapeVersion @1 :Text;        # of the program that made it
}
