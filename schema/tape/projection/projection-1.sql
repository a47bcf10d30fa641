-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE run (
  seq                 INTEGER PRIMARY KEY,
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
  time_is_real        INTEGER NOT NULL,  -- 0: verdicts about time are inconclusive
  fast_boot           INTEGER NOT NULL,
  qemu_version        TEXT NOT NULL,
  qemu_arguments      TEXT NOT NULL,
  host_cpu            TEXT NOT NULL,
  host_kernel         TEXT NOT NULL
);
CREATE TABLE kernel (
  seq               INTEGER PRIMARY KEY,
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
  adoption_ns       INTEGER NOT NULL
);
CREATE TABLE guest (
  seq           INTEGER PRIMARY KEY,
  host_ns       INTEGER NOT NULL,
  release       TEXT NOT NULL,
  version       TEXT NOT NULL,
  command_line  TEXT NOT NULL,
  online_cpus   INTEGER NOT NULL,
  boot_time_ns  INTEGER NOT NULL,
  agent_version TEXT NOT NULL
);
CREATE TABLE layout (
  seq          INTEGER PRIMARY KEY,
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
  exit_dump     TEXT
);
CREATE TABLE scheduler_output (
  seq       INTEGER PRIMARY KEY,
  host_ns   INTEGER NOT NULL,
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
  seq_reported      INTEGER
) WITHOUT ROWID;
CREATE TABLE step (
  step        INTEGER PRIMARY KEY,  -- index in the scenario
  name        TEXT,
  ok          INTEGER,
  detail      TEXT,
  started_ns  INTEGER,
  finished_ns INTEGER,
  seq_started  INTEGER,
  seq_finished INTEGER
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
  seq_replied     INTEGER
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
  PRIMARY KEY (op, entry)
) WITHOUT ROWID;
CREATE TABLE gate (
  seq      INTEGER PRIMARY KEY,
  op       INTEGER NOT NULL,
  entry    INTEGER NOT NULL,
  gate     INTEGER NOT NULL,  -- 1 to 12
  name     TEXT NOT NULL,
  outcome  TEXT NOT NULL,     -- passed, failed, notEvaluated
  enforced INTEGER NOT NULL,  -- 0: observed only
  observed TEXT NOT NULL,
  expected TEXT NOT NULL
);
CREATE TABLE freeze (
  freeze          INTEGER PRIMARY KEY,
  cause           TEXT,
  op              INTEGER,
  trigger_name    TEXT,
  stop_latency_ns INTEGER,
  frozen_ns       INTEGER,
  thaw_latency_ns INTEGER,
  bypass_depth    INTEGER,  -- scx_bypass_depth; -1: not known
  pages           INTEGER,
  pages_sha256    TEXT,
  began_ns        INTEGER,
  seq_began       INTEGER,
  seq_frozen      INTEGER,
  seq_thawed      INTEGER
);
CREATE TABLE vcpu (
  freeze             INTEGER NOT NULL,
  cpu                INTEGER NOT NULL,
  rip                TEXT,     -- NULL here and below: it could not be read
  symbol             TEXT,
  cpl                INTEGER,
  interrupts_enabled INTEGER,
  preempt_count      TEXT,
  current_pid        INTEGER,
  current_comm       TEXT,
  runqueue_locked    INTEGER,
  PRIMARY KEY (freeze, cpu)
) WITHOUT ROWID;
CREATE TABLE sample (
  seq     INTEGER PRIMARY KEY,
  host_ns INTEGER NOT NULL,
  name    TEXT NOT NULL,
  target  TEXT NOT NULL,
  value   TEXT
);
CREATE TABLE trace_chunk (
  seq   INTEGER PRIMARY KEY,
  cpu   INTEGER NOT NULL,
  bytes INTEGER NOT NULL
);
CREATE TABLE console (
  seq     INTEGER PRIMARY KEY,
  host_ns INTEGER NOT NULL,
  text    TEXT NOT NULL
);
CREATE TABLE incident (
  seq     INTEGER PRIMARY KEY,
  host_ns INTEGER NOT NULL,
  what    TEXT NOT NULL,  -- guestPanicked, watchdogFired, machineLost
  detail  TEXT NOT NULL
);
CREATE TABLE guest_exit (
  seq           INTEGER PRIMARY KEY,
  host_ns       INTEGER NOT NULL,
  explicit_done INTEGER NOT NULL,
  exit_code     INTEGER NOT NULL,
  detail        TEXT NOT NULL
);
CREATE TABLE loss (
  seq         INTEGER NOT NULL,
  name        TEXT NOT NULL,
  count       INTEGER NOT NULL,
  description TEXT NOT NULL,
  PRIMARY KEY (seq, name)
) WITHOUT ROWID;
CREATE TABLE ending (
  seq       INTEGER PRIMARY KEY,
  outcome   TEXT NOT NULL,
  exit_code INTEGER NOT NULL,  -- the agent's; -1: it never said
  detail    TEXT NOT NULL,
  records   INTEGER NOT NULL,
  pages     INTEGER NOT NULL,
  blobs     INTEGER NOT NULL
);
