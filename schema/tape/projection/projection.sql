-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE run (
  seq                 INTEGER PRIMARY KEY,
  host_ns             INTEGER NOT NULL,  -- here and in all tables: the host's clock, from the begin of the run
  guest_ns            INTEGER,           -- the guest's CLOCK_MONOTONIC when it sent this; NULL: it did not
  scenario            TEXT NOT NULL,
  started             TEXT,              -- UTC
  ktape_version       TEXT NOT NULL,
  kernel_image        TEXT NOT NULL,     -- as given: a version or a path
  kernel_image_sha256 TEXT,
  kernel_command_line TEXT NOT NULL,
  initramfs_sha256    TEXT,
  cpus                INTEGER NOT NULL,
  sockets             INTEGER NOT NULL,
  cores               INTEGER NOT NULL,
  threads             INTEGER NOT NULL,
  numa_nodes          INTEGER NOT NULL,
  memory_bytes        INTEGER NOT NULL,
  accelerator         TEXT NOT NULL,     -- kvm or tcg
  accelerator_asked   TEXT NOT NULL,
  accelerator_reason  TEXT NOT NULL,
  time_is_real        INTEGER NOT NULL,  -- 0: tcg, or a host that is a guest itself; run_delay says more
  fast_boot           INTEGER NOT NULL,
  qemu_version        TEXT NOT NULL,
  qemu_arguments      TEXT NOT NULL,
  host_cpu            TEXT NOT NULL,
  host_kernel         TEXT NOT NULL,
  llcs                INTEGER NOT NULL,
  memory_mode         TEXT NOT NULL,     -- what was kept of the guest's memory at each freeze
  freeze_every_ms     INTEGER NOT NULL,  -- 0: never
  arguments           TEXT NOT NULL,     -- of ktape capture, joined by blanks; ktape info --reproduce quotes them
  working_folder      TEXT NOT NULL,     -- that relative paths among them start from
  scheduler_program   TEXT NOT NULL,     -- that a user brought: its path on the host; empty: none
  scheduler_sha256    TEXT,
  scheduler_build_id  TEXT,
  scheduler_checkout  TEXT NOT NULL,     -- the git checkout that it stands in: none, clean, changed, notKnown
  scheduler_commit    TEXT NOT NULL,     -- that is checked out there
  host_is_guest       INTEGER,           -- 1: the host's processor says that a hypervisor runs it; NULL: not said
  host_hypervisor     TEXT NOT NULL,     -- its name for itself: KVMKVMKVM, TCGTCGTCGTCG
  host_kvm_nested     TEXT NOT NULL,     -- parameter `nested` of the host's kvm_amd or kvm_intel
  host_cpus           INTEGER NOT NULL,  -- that ktape and QEMU may run on; 0: not said
  freezes_reset_watchdogs INTEGER NOT NULL -- 1: the guest's watch for lock-ups begins anew at each freeze
);
CREATE TABLE kernel (
  seq               INTEGER PRIMARY KEY,
  host_ns           INTEGER NOT NULL,
  guest_ns          INTEGER,
  release           TEXT NOT NULL,
  banner            TEXT NOT NULL,
  preemption        TEXT NOT NULL,
  hz                INTEGER NOT NULL,
  cpus              INTEGER NOT NULL,
  paging_levels     INTEGER NOT NULL,
  kaslr_slide       TEXT NOT NULL,     -- addresses are hex text
  phys_base         TEXT NOT NULL,
  page_offset       TEXT NOT NULL,
  vmcoreinfo_agrees INTEGER NOT NULL,
  build_id          TEXT,
  btf_sha256        TEXT,              -- hash of the blob
  symbols_sha256    TEXT,              -- hash of the blob
  adoption_ns       INTEGER NOT NULL,
  soft_lockup_ms    INTEGER NOT NULL,  -- until the kernel tells of a locked-up CPU; 0 here and below: it does not, not said
  rcu_stall_ms      INTEGER NOT NULL   -- until it tells that RCU is held up
);
CREATE TABLE guest (
  seq           INTEGER PRIMARY KEY,
  host_ns       INTEGER NOT NULL,
  guest_ns      INTEGER,
  release       TEXT NOT NULL,
  version       TEXT NOT NULL,
  command_line  TEXT NOT NULL,
  online_cpus   INTEGER NOT NULL,
  boot_time_ns  INTEGER NOT NULL,
  agent_version TEXT NOT NULL
);
CREATE TABLE layout (
  seq          INTEGER PRIMARY KEY,
  host_ns      INTEGER NOT NULL,
  guest_ns     INTEGER,
  type         TEXT NOT NULL,
  path         TEXT NOT NULL,
  offset_bytes INTEGER NOT NULL,
  size_bytes   INTEGER NOT NULL,
  encoding     TEXT NOT NULL
);
CREATE TABLE scheduler (
  id            INTEGER PRIMARY KEY,
  name          TEXT,
  switch_mode   TEXT,
  vtime         TEXT,     -- what it declares: notDeclared, onlyGrows
  timeout_ms    INTEGER,
  ops           TEXT,
  parent        INTEGER,  -- 0: none
  cgroup        TEXT,
  object_sha256 TEXT,
  seq_attached  INTEGER,
  seq_exited    INTEGER,
  exit_kind     INTEGER,  -- enum scx_exit_kind
  exit_reason   TEXT,
  exit_message  TEXT,
  exit_code     INTEGER,
  exit_dump     TEXT,
  exit_unfinished INTEGER, -- 1: the kernel was not done with the exit when the run ended
  attached_ns       INTEGER, -- the host's clock
  attached_guest_ns INTEGER, -- the guest's; NULL here and in exited_guest_ns: the record did not come from it
  exited_ns         INTEGER,
  exited_guest_ns   INTEGER
);
CREATE TABLE scheduler_attempt (
  id            INTEGER PRIMARY KEY,  -- of the scheduler, where its enable was successful
  name          TEXT,
  parent        INTEGER,  -- 0: none
  cgroup        TEXT,
  seq_attempted INTEGER,
  seq_failed    INTEGER,  -- where its enable failed, and with what:
  exit_kind     INTEGER,  -- enum scx_exit_kind
  exit_reason   TEXT,
  exit_message  TEXT,
  exit_code     INTEGER,
  exit_dump     TEXT,
  attempted_ns       INTEGER, -- the host's clock
  attempted_guest_ns INTEGER,
  failed_ns          INTEGER,
  failed_guest_ns    INTEGER
);
CREATE TABLE scheduler_output (
  seq       INTEGER PRIMARY KEY,
  host_ns   INTEGER NOT NULL,
  guest_ns  INTEGER,
  scheduler INTEGER NOT NULL,
  text      TEXT NOT NULL
);
CREATE TABLE worker (
  name              TEXT PRIMARY KEY NOT NULL,
  pid               INTEGER,
  start_boottime_ns INTEGER,
  policy            TEXT,
  comm              TEXT,
  event             TEXT,     -- the last report: exited, killed, progress
  status            INTEGER,
  phases_done       INTEGER,
  seq_started       INTEGER,
  seq_reported      INTEGER,
  started_ns        INTEGER,  -- the host's clock
  started_guest_ns  INTEGER,
  reported_ns       INTEGER,
  reported_guest_ns INTEGER
) WITHOUT ROWID;
CREATE TABLE step (
  step        INTEGER PRIMARY KEY,  -- index in the scenario
  name        TEXT,
  ok          INTEGER,
  detail      TEXT,
  started_ns  INTEGER,
  finished_ns INTEGER,
  seq_started  INTEGER,
  seq_finished INTEGER,
  started_guest_ns  INTEGER,  -- the guest's clock: whether it runs on in a freeze depends on its clocksource
  finished_guest_ns INTEGER
);
CREATE TABLE request (
  op              INTEGER PRIMARY KEY,
  step            INTEGER,
  mode            TEXT,     -- cold or hot
  entries         INTEGER,
  ok              INTEGER,
  error           TEXT,     -- the request as a whole could not be served
  freeze          INTEGER,  -- 0: none
  deferred        TEXT,     -- why it had to wait
  requested_ns    INTEGER,
  replied_ns      INTEGER,
  seq_requested   INTEGER,
  seq_deferred    INTEGER,
  seq_replied     INTEGER,
  retry_ms        INTEGER,  -- how long it was to be tried again; NULL: nobody said
  expected        TEXT,     -- done, or the gate that is to refuse it
  tries           INTEGER,  -- freezes that it took; 0: none, or an older recorder did not say
  waited_ns       INTEGER,  -- host time that the guest ran between them
  as_expected     INTEGER,  -- it was refused by that gate
  requested_guest_ns INTEGER, -- NULL: the host made the request
  deferred_ns     INTEGER,
  by_host         INTEGER   -- 1: the host made the request, in a freeze that it began
);
CREATE TABLE kernel_op (
  op               INTEGER NOT NULL,
  entry            INTEGER NOT NULL,  -- within the request, from 0
  step             INTEGER,
  mode             TEXT,              -- cold or hot
  action           TEXT,              -- read or write
  tag              TEXT,
  target           TEXT,
  asked            TEXT,              -- the kind of value to read, or the value to write
  status           TEXT,              -- done, refused, failed, notReached; NULL: no reply
  value            TEXT,              -- decimal, or hex bytes; what stood there after a write
  before           TEXT,              -- writes: what stood there before
  reason           TEXT,
  note             TEXT,
  type             TEXT,
  width_bytes      INTEGER,
  width_checked    INTEGER,
  address          TEXT,              -- virtual, hex
  physical_address TEXT,
  protecting_cpu   INTEGER,           -- -1: none known
  elapsed_ns       INTEGER,
  freeze           INTEGER,           -- 0: none
  step_action      INTEGER,           -- index of the action in the step
  seq_requested    INTEGER,
  seq_replied      INTEGER,
  consistent       INTEGER,           -- 1: a read only of what is not being changed
  refused_by       TEXT,              -- the gate, the first of several; notSaid: none
  root             TEXT,              -- what the target's path begins at: symbol, perCpu, task, virtual
  symbol           TEXT,              -- roots symbol and perCpu
  cpu              INTEGER,           -- root perCpu
  worker           TEXT,              -- root task: the scenario's worker; empty: another task
  pid              INTEGER,           -- root task
  path             TEXT,              -- empty: the root itself
  requested_ns       INTEGER,
  requested_guest_ns INTEGER,         -- NULL: the host made the request
  replied_ns         INTEGER,         -- a cold op was done in the freeze before, see freeze.stopped_ns
  PRIMARY KEY (op, entry)
) WITHOUT ROWID;
CREATE TABLE lock_user (
  op       INTEGER NOT NULL,
  entry    INTEGER NOT NULL,
  place    INTEGER NOT NULL,  -- within the entry's reply, from 0
  host_ns  INTEGER NOT NULL,
  guest_ns INTEGER,
  lock     TEXT NOT NULL,
  role     TEXT NOT NULL,     -- holder, waiter
  basis    TEXT NOT NULL,     -- observed, inferred
  cpu      INTEGER NOT NULL,  -- -1: not known
  pid      INTEGER NOT NULL,  -- the task that this CPU ran
  comm     TEXT NOT NULL,
  symbol   TEXT NOT NULL,
  PRIMARY KEY (op, entry, place)
) WITHOUT ROWID;
CREATE TABLE gate (
  seq      INTEGER PRIMARY KEY,
  host_ns  INTEGER NOT NULL,
  guest_ns INTEGER,
  op       INTEGER NOT NULL,
  entry    INTEGER NOT NULL,
  gate     INTEGER NOT NULL,  -- 1 to 12
  name     TEXT NOT NULL,
  outcome  TEXT NOT NULL,     -- passed, failed, notEvaluated
  enforced INTEGER NOT NULL,  -- 0: observed only
  observed TEXT NOT NULL,
  expected TEXT NOT NULL,
  freeze   INTEGER NOT NULL,  -- in which it was evaluated; 0: an older recorder did not say
  try      INTEGER NOT NULL   -- which of the request's freezes that was
);
CREATE TABLE freeze (
  freeze          INTEGER PRIMARY KEY,
  cause           TEXT,
  op              INTEGER,
  trigger_name    TEXT,
  trigger_cpu     INTEGER,  -- who reached it; -1: nobody
  detail          TEXT,     -- what the kernel says about the trigger's event
  interval        INTEGER,  -- cause periodic: which of the run's, from 1; 0: none, or not said
  stop_latency_ns INTEGER,
  frozen_ns       INTEGER,
  thaw_latency_ns INTEGER,
  bypass_depth    INTEGER,  -- scx_bypass_depth; -1: not known
  pages           INTEGER,
  pages_sha256    TEXT,
  began_ns        INTEGER,
  seq_began       INTEGER,
  seq_frozen      INTEGER,
  seq_thawed      INTEGER,
  try             INTEGER,  -- of the request: 1 for its first freeze; 0: none, or an older recorder did not say
  waited_ns       INTEGER,  -- of frozen_ns: ktape and QEMU waited for a CPU of the host; NULL: not known
  stopped_ns      INTEGER,  -- when every vCPU had stopped
  thawed_ns       INTEGER,  -- when they ran again
  waiting         INTEGER,  -- tasks that were runnable and waited in sched_ext for a CPU; NULL: nobody looked
  waiting_missed  INTEGER   -- 1: part of the memory that shows them could not be read
);
CREATE TABLE freeze_hit (
  freeze       INTEGER NOT NULL,
  hit          INTEGER NOT NULL,  -- within the freeze, from 0
  host_ns      INTEGER NOT NULL,
  guest_ns     INTEGER,
  cpu          INTEGER NOT NULL,  -- which stood at the trigger's function
  trigger_name TEXT NOT NULL,
  detail       TEXT NOT NULL,
  PRIMARY KEY (freeze, hit)
) WITHOUT ROWID;
CREATE TABLE waiting (
  freeze    INTEGER NOT NULL,
  place     INTEGER NOT NULL,  -- within the freeze, from 0: the longest wait first
  host_ns   INTEGER NOT NULL,
  guest_ns  INTEGER,
  pid       INTEGER NOT NULL,
  comm      TEXT NOT NULL,
  dsq       TEXT NOT NULL,     -- SCX_DSQ_LOCAL, user 0x1f; empty: it was in none
  waited_ms INTEGER,           -- since it became runnable, in the guest's jiffies; NULL: not known
  cpus      TEXT NOT NULL,     -- where it may run: 0-3,7; empty: not known
  last_cpu  INTEGER,           -- where it ran last; NULL: not known
  PRIMARY KEY (freeze, place)
) WITHOUT ROWID;
CREATE TABLE vcpu (
  freeze             INTEGER NOT NULL,
  cpu                INTEGER NOT NULL,
  host_ns             INTEGER NOT NULL,
  guest_ns            INTEGER,
  rip                TEXT,     -- NULL here and below: it could not be read
  symbol             TEXT,
  cpl                INTEGER,
  interrupts_enabled INTEGER,
  preempt_count      TEXT,
  current_pid        INTEGER,
  current_comm       TEXT,
  runqueue_locked    INTEGER,
  context            TEXT,     -- task, softirq, hardirq, nmi
  current_policy     INTEGER,  -- of the current task, as in sched_setscheduler(2): 1 fifo, 2 rr, 7 ext
  current_class      TEXT,     -- symbol of its sched_class
  current_priority   INTEGER,  -- its prio: -1 deadline, 0 to 99 real time, 100 and up the others
  current_rt_priority INTEGER, -- what fifo and rr asked for: 1 to 99
  PRIMARY KEY (freeze, cpu)
) WITHOUT ROWID;
CREATE TABLE run_delay (
  seq        INTEGER NOT NULL,
  cpu        INTEGER NOT NULL,
  host_ns    INTEGER NOT NULL,
  guest_ns   INTEGER,
  freeze     INTEGER NOT NULL,  -- 0: read while the machine ran
  thread     INTEGER,           -- of the host, that this vCPU is; NULL here and below: not known
  ran_ns     INTEGER,           -- since the thread began
  waited_ns  INTEGER,           -- it could have run, and got no CPU of the host
  timeslices INTEGER,
  stolen_ns  INTEGER,           -- from all CPUs of the host by its own hypervisor, since its boot
  PRIMARY KEY (seq, cpu)
) WITHOUT ROWID;
CREATE TABLE clocksource (
  seq     INTEGER PRIMARY KEY,
  host_ns INTEGER NOT NULL,
  guest_ns INTEGER,
  name    TEXT NOT NULL,     -- what the guest's kernel takes its time from, from here on
  before  TEXT NOT NULL,     -- empty: it is the first that was seen
  freeze  INTEGER NOT NULL   -- 0: read while the machine ran
);
CREATE TABLE sample (
  seq     INTEGER PRIMARY KEY,
  host_ns INTEGER NOT NULL,
  guest_ns INTEGER,
  name    TEXT NOT NULL,
  target  TEXT NOT NULL,
  value   TEXT,
  root    TEXT,              -- as in kernel_op, and all below
  symbol  TEXT,
  cpu     INTEGER,
  worker  TEXT,
  pid     INTEGER,
  path    TEXT
);
CREATE TABLE trace_chunk (
  seq   INTEGER PRIMARY KEY,
  host_ns INTEGER NOT NULL,
  guest_ns INTEGER,
  cpu   INTEGER NOT NULL,
  bytes INTEGER NOT NULL
);
CREATE TABLE console (
  seq     INTEGER PRIMARY KEY,
  host_ns INTEGER NOT NULL,
  guest_ns INTEGER,
  text    TEXT NOT NULL
);
CREATE TABLE incident (
  seq     INTEGER PRIMARY KEY,
  host_ns INTEGER NOT NULL,
  guest_ns INTEGER,
  what    TEXT NOT NULL,  -- guestPanicked, watchdogFired, machineLost
  detail  TEXT NOT NULL
);
CREATE TABLE oops (
  seq     INTEGER PRIMARY KEY,
  host_ns INTEGER NOT NULL,
  guest_ns INTEGER,
  kind    TEXT NOT NULL,  -- oops, bug, warning, lockup
  text    TEXT NOT NULL
);
CREATE TABLE guest_fact (
  seq     INTEGER NOT NULL,
  fact    INTEGER NOT NULL,  -- within the record, from 0
  host_ns INTEGER NOT NULL,
  guest_ns INTEGER,
  subject TEXT NOT NULL,     -- "topology", "sched_ext", or a worker
  name    TEXT NOT NULL,
  value   TEXT NOT NULL,
  PRIMARY KEY (seq, fact)
) WITHOUT ROWID;
CREATE TABLE freeze_trigger (
  name     TEXT PRIMARY KEY NOT NULL,
  function TEXT,
  times    INTEGER,  -- hits that it was to freeze for at most
  arming   TEXT,     -- from when on: kernelKnown, attach, step
  step     INTEGER,  -- arming step: which
  armed    INTEGER,  -- NULL here and below: the tape was not sealed
  freezes  INTEGER,
  hits     INTEGER   -- 0 with freezes: not said
) WITHOUT ROWID;
CREATE TABLE trigger_change (
  seq     INTEGER PRIMARY KEY,
  host_ns INTEGER NOT NULL,
  guest_ns INTEGER,
  name    TEXT NOT NULL,
  change  TEXT NOT NULL,  -- armed, notArmed, spent, givenUp
  address TEXT NOT NULL,
  reason  TEXT NOT NULL
);
CREATE TABLE slimmed (
  seq           INTEGER PRIMARY KEY,
  host_ns       INTEGER NOT NULL,
  guest_ns      INTEGER,
  head_sha256   TEXT,          -- head digest of the tape that it was made from
  ktape_version TEXT NOT NULL
);
CREATE TABLE guest_exit (
  seq           INTEGER PRIMARY KEY,
  host_ns       INTEGER NOT NULL,
  guest_ns      INTEGER,
  explicit_done INTEGER NOT NULL,
  exit_code     INTEGER NOT NULL,
  detail        TEXT NOT NULL
);
CREATE TABLE loss (
  seq         INTEGER NOT NULL,
  name        TEXT NOT NULL,
  host_ns     INTEGER NOT NULL,
  guest_ns    INTEGER,
  count       INTEGER NOT NULL,
  description TEXT NOT NULL,
  PRIMARY KEY (seq, name)
) WITHOUT ROWID;
CREATE TABLE ending (
  seq       INTEGER PRIMARY KEY,
  host_ns                INTEGER NOT NULL,
  guest_ns               INTEGER,
  outcome   TEXT NOT NULL,
  exit_code INTEGER NOT NULL,  -- the agent's; -1: it never said
  detail    TEXT NOT NULL,
  records   INTEGER NOT NULL,
  pages     INTEGER NOT NULL,
  blobs     INTEGER NOT NULL,
  intervals_froze        INTEGER,  -- NULL here and below: there were none, or it is not said
  intervals_skipped_busy INTEGER,
  intervals_skipped_late INTEGER
);
