# SPDX-License-Identifier: Apache-2.0
@0xb4c1f6d4a1e0a201;

# Kernel ops: what is read or written (targets), with which width or value (values), and the result.
# Used by scenarios, by the messages between host and guest and by the records of a tape.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ktape::schema");

struct PathStep {
  # One step of the path from a root to the target's bytes.
  union {
    member @0 :Text;        # a member of the current struct or union; members of anonymous ones count as its members
    deref @1 :Void;         # '->': follow the pointer reached so far
    index @2 :UInt64;       # '[i]': an element of the array reached so far, or of what a pointer points to
    cpu @3 :UInt32;         # the instance, on this CPU, of the per-CPU object that the pointer names
    list @4 :ListWalk;      # every entry of the list or tree whose head was reached
  }
}

struct ListWalk {
  container @0 :Text;       # type of an entry, e.g. "struct task_struct"
  link @1 :Text;            # its member that links it, e.g. "scx.runnable_node"; of an xarray: empty
  limit @2 :UInt32;         # largest number of entries; a longer list is an error
  kind @3 :WalkKind;
}

enum WalkKind {
  list @0;                  # struct list_head
  hlist @1;                 # struct hlist_head
  llist @2;                 # struct llist_head
  rbtree @3;                # struct rb_root or rb_root_cached, in the order of its keys
  xarray @4;                # struct xarray or idr of pointers to entries, in the order of its indexes
  rhashtable @5;            # struct rhashtable, bucket by bucket
}

struct TaskRef {
  # In a scenario, `worker` names one of its workers, and the agent fills in the fields that are 0 below
  # when it sends the request. Without a worker, pid and start time must be given.
  worker @0 :Text;
  pid @1 :Int32;            # in the initial pid namespace
  startBoottimeNs @2 :UInt64;   # /proc/PID/stat field 22 in ns: start_boottime rounded down to a clock tick
}

struct Target {
  union {
    symbol @0 :Text;        # address of a kernel symbol
    perCpu @1 :PerCpu;
    task @2 :TaskRef;       # a struct task_struct
    virtual @3 :Virtual;
  }
  path @4 :Text;            # as C would write it: "scx.dsq_vtime", "scx.dsq->id", "nodes[2].next"; "" is the root itself
  steps @5 :List(PathStep); # `path`, parsed; filled in by the host, never by a scenario
}

struct PerCpu {
  symbol @0 :Text;
  cpu @1 :UInt32;
}

struct Virtual {
  address @0 :UInt64;
  type @1 :Text;            # BTF type of the object there, e.g. "struct rq"; empty: untyped bytes
}

enum ValueKind {
  auto @0;                  # the width in BTF
  u8 @1;
  u16 @2;
  u32 @3;
  u64 @4;
  bytes @5;                 # `length` bytes, whatever their type
  whole @6;                 # the whole object that the path reaches, kept as bytes
}

struct Bits {
  width @0 :UInt8;          # bytes: 1, 2, 4 or 8
  mask @1 :UInt64;
}

struct Value {
  union {
    none @0 :Void;
    u8 @1 :UInt8;
    u16 @2 :UInt16;
    u32 @3 :UInt32;
    u64 @4 :UInt64;
    bytes @5 :Data;
    setBits @6 :Bits;       # writes only
    clearBits @7 :Bits;     # writes only
    list @8 :List(Value);   # the values of a list walk, in list order
  }
}

enum OpMode {
  cold @0;                  # every vCPU frozen
  hot @1;                   # one aligned value of at most 8 bytes, read while the machine runs; never a write
}

struct OpEntry {
  tag @0 :Text;             # the author's name for this value; assertions find it by this. In a scenario, ops with one tag
                            # have one target and one kind of value: their values are a series
  target @1 :Target;
  union {
    read @2 :ValueKind;
    write @3 :Value;
  }
  length @4 :UInt32;        # bytes to read, for `read = bytes`
  consistent @5 :Bool;      # cold reads: only in a freeze in which the value's lock is free (gate `consistent`)
}

enum Gate {
  # In the order in which they are evaluated; guest/kernel/ops/gates.h says what passes each.
  notSaid @0;
  pid @1;
  identity @2;
  alive @3;
  offRunqueue @4;
  notQueued @5;
  schedClass @6;
  policy @7;
  initialised @8;
  settled @9;
  noDispatch @10;
  unlocked @11;
  enabled @12;
  consistent @13;           # for reads that ask for it, whatever their target: what protects the value is free
}

struct Expectation {
  # The expected result of an op: any other fails its step.
  union {
    done @0 :Void;
    refused @1 :Gate;       # this gate refuses it, perhaps along with others
  }
}

enum LockRole {
  notSaid @0;
  holder @1;
  waiter @2;
}

enum Basis {
  notSaid @0;
  observed @1;              # guest memory says so
  inferred @2;              # it fits the observed state but is not certain
}

struct LockUser {
  # A task that may hold a lock that refused an op, or waits for it. A qspinlock does not say who holds it.
  lock @0 :Text;            # "pi_lock", "runqueue lock of CPU 1", "lock of DSQ 0xffff888004a1c3d8", "jiffies_seq"
  role @1 :LockRole;
  basis @2 :Basis;
  cpu @3 :Int32 = -1;       # -1: not known
  pid @4 :Int32;            # the task running on this CPU
  comm @5 :Data;
  symbol @6 :Text;          # where in the kernel this CPU was; may be empty
}

enum EntryStatus {
  notSaid @0;               # an older recorder did not record it
  done @1;
  refused @2;               # a gate, or a check of type, width or target, refused it: nothing was changed
  failed @3;                # it was tried, but memory, a pointer or a list did not allow it
  notReached @4;            # an earlier write of the batch stopped the batch
}

struct EntryReply {
  status @0 :EntryStatus;
  reason @1 :Text;          # for people; empty if done
  value @2 :Value;          # the value read, or the value after the write
  before @3 :Value;         # writes: the value before
  virtualAddress @4 :UInt64;
  physicalAddress @5 :UInt64;
  type @6 :Data;            # BTF's name of the type, e.g. "u64"; empty if unchecked
  widthBytes @7 :UInt32;    # width of the target; 0 if it was not reached
  widthChecked @8 :Bool;    # the requested width was checked against BTF's
  protectingCpu @9 :Int32 = -1; # the CPU whose runqueue lock protects the value; -1: none known
  elapsedNs @10 :UInt64;    # host time that this entry took
  note @11 :Text;           # worth knowing, not an error: e.g. "sched_delayed is set"
  refusedBy @12 :Gate;      # the gate that refused it, the first of several; notSaid: none did
  lockUsers @13 :List(LockUser); # refused because of a lock
}
