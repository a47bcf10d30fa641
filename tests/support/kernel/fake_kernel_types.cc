// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel/fake_kernel_types.h"

#include "tests/support/kernel/btf_builder.h"

namespace ktape::test {

namespace {

using Fields = std::vector<BtfBuilder::Field>;

// The types from which others are built, and those that are used alone.
struct Types {
  BtfBuilder& b;
  const FakeKernelShape& shape;
  int u8, u32, u64, s32, word, character;
  int pointer;  // void *
  int dispatch_queue = 0;
  int list_head, hlist_node, hlist_head, raw_spinlock, atomic_long, static_key;

  Types(BtfBuilder& builder, const FakeKernelShape& wanted) : b(builder), shape(wanted) {
    u8 = b.typedef_of("u8", b.integer("unsigned char", 1));
    u32 = b.typedef_of("u32", b.integer("unsigned int", 4));
    u64 = b.typedef_of("u64", b.integer("long long unsigned int", 8));
    s32 = b.integer("int", 4);
    word = b.integer("long unsigned int", 8);
    character = b.integer("char", 1);
    pointer = b.pointer(0);
    list_head = b.structure("list_head", 16,
                            {{"next", b.pointer(b.forward("list_head")), 0}, {"prev", pointer, 8}});
    hlist_node = b.structure("hlist_node", 16, {{"next", pointer, 0}, {"pprev", pointer, 8}});
    hlist_head = b.structure("hlist_head", 8, {{"first", b.pointer(hlist_node), 0}});
    const int atomic = b.typedef_of("atomic_t", b.structure("", 4, {{"counter", s32, 0}}));
    atomic_long = b.typedef_of(
        "atomic_long_t",
        b.structure("", 8, {{"counter", b.typedef_of("s64", b.integer("long long int", 8)), 0}}));
    const int lock_union = b.union_of("", 4, {{"val", atomic, 0}, {"locked", u8, 0}});
    const int qspinlock = b.structure("qspinlock", 4, {{"", lock_union, 0}});
    raw_spinlock = b.typedef_of("raw_spinlock_t",
                                b.structure("raw_spinlock", 4, {{"raw_lock", qspinlock, 0}}));
    static_key = b.structure("static_key", 16, {{"enabled", atomic, 0}});
  }

  void pids() {
    const int xarray = b.structure("xarray", 16, {{"xa_lock", u32, 0}, {"xa_head", pointer, 8}});
    const int idr = b.structure("idr", 24, {{"idr_rt", xarray, 0}, {"idr_base", u32, 16}});
    b.structure("pid_namespace", 32, {{"padding", u64, 0}, {"idr", idr, 8}});
    b.structure("xa_node", 576,
                {{"shift", u8, 0},
                 {"offset", u8, 1},
                 {"parent", pointer, 8},
                 {"slots", b.array(pointer, 64), 40}});
    const int upid = b.structure("upid", 16, {{"nr", s32, 0}, {"ns", pointer, 8}});
    b.structure("pid", 64,
                {{"level", u32, 4},
                 {"tasks", b.array(hlist_head, 4), 16},
                 {"numbers", b.array(upid, 0), 48}});
    b.enumeration("pid_type", {{"PIDTYPE_PID", 0}, {"PIDTYPE_TGID", 1}});
  }

  // What other lists and trees than list_head link.
  void links() {
    const int rb = b.structure(
        "rb_node", 24,
        {{"__rb_parent_color", word, 0}, {"rb_right", pointer, 8}, {"rb_left", pointer, 16}});
    const int root = b.structure("rb_root", 8, {{"rb_node", b.pointer(rb), 0}});
    const int cached =
        b.structure("rb_root_cached", 16, {{"rb_root", root, 0}, {"rb_leftmost", pointer, 8}});
    const int node = b.structure("llist_node", 8, {{"next", pointer, 0}});
    const int head = b.structure("llist_head", 8, {{"first", b.pointer(node), 0}});
    b.structure(
        "fake_heads", 40,
        {{"tree", root, 0}, {"cached", cached, 8}, {"chain", head, 24}, {"hash", hlist_head, 32}});
    b.structure("fake_entry", 64,
                {{"key", u32, 0},
                 {"node", rb, 8},
                 {"next", node, 32},
                 {"hash", hlist_node, 40},
                 {"self", head, 32}});
  }

  // A scheduler is an object, as since 6.16, and may have sub-schedulers, as since 7.1.
  void schedulers(int hash_table) {
    const int ops = b.structure("sched_ext_ops", 64,
                                {{"select_cpu", pointer, 0},
                                 {"enqueue", pointer, 8},
                                 {"exit", pointer, 16},
                                 {"flags", u64, 24},
                                 {"timeout_ms", u32, 32},
                                 {"name", b.array(character, 16), 36},
                                 {"priv", pointer, 56}});
    const int kind = b.enumeration("scx_exit_kind", {{"SCX_EXIT_NONE", 0},
                                                     {"SCX_EXIT_DONE", 1},
                                                     {"SCX_EXIT_UNREG", 64},
                                                     {"SCX_EXIT_ERROR", 1024},
                                                     {"SCX_EXIT_ERROR_STALL", 1026}});
    const int info = b.structure("scx_exit_info", 56,
                                 {{"reason", pointer, 0},
                                  {"bt", pointer, 8},
                                  {"bt_len", u32, 16},
                                  {"msg", pointer, 24},
                                  {"dump", pointer, 32},
                                  {"kind", kind, 40},
                                  {"exit_code", u64, 48}});
    const int irq_work = b.structure("irq_work", 8, {{"func", pointer, 0}});
    const int work = b.structure("work_struct", 8, {{"func", pointer, 0}});
    const int rcu_work = b.structure("rcu_work", 16, {{"rcu", pointer, 0}, {"work", work, 8}});
    const int kobject = b.structure("kobject", 16,
                                    {{"name", pointer, 0},
                                     {"state_initialized", u32, 8, 1},
                                     {"state_in_sysfs", u32, 8, 1, 1},
                                     {"state_add_uevent_sent", u32, 8, 1, 2}});
    Fields fields = {{"ops", ops, 0},
                     {"bypass_depth", s32, 64},
                     {"level", s32, 68},
                     {"exit_info", b.pointer(info), 72},
                     {"children", list_head, 80},
                     {"sibling", list_head, 96},
                     {"cgrp_path", b.pointer(character), 112},
                     {"rcu_work", rcu_work, 120},
                     {"dsq_hash", hash_table, 136},
                     {"global_dsqs", pointer, 152},
                     {"error_irq_work", irq_work, 160},
                     {"ancestors", b.array(pointer, 1), 168},
                     {"kobj", kobject, 176},
                     {"exit_kind", u32, 192},
                     {"all", list_head, 208}};
    if (shape.bypass_queues) fields.push_back({"pcpu", pointer, 200});
    b.structure("scx_sched", 224, fields);
    b.enumeration("scx_ops_flags", {{"SCX_OPS_SWITCH_PARTIAL", 8}});
  }

  int sched_ext_entity() {
    const int queue =
        b.structure("scx_dispatch_q", 48,
                    {{"lock", raw_spinlock, 0},
                     {"list", list_head, 8},
                     {"nr", u32, 24},
                     {"id", u64, 32},
                     {"hash_node", b.structure("rhash_head", 8, {{"next", pointer, 0}}), 40}});
    const int node = b.structure("scx_dsq_list_node", 24,
                                 {{"node", list_head, 0}, {"flags", u32, 16}, {"priv", u32, 20}});
    b.structure("bucket_table", 64,
                {{"size", u32, 0},
                 {"nest", u32, 4},
                 {"future_tbl", pointer, 16},
                 {"buckets", b.array(pointer, 0), 64}});
    const int table = b.structure("rhashtable", 16, {{"tbl", pointer, 0}});
    schedulers(table);
    if (shape.bypass_queues) b.structure("scx_sched_pcpu", 48, {{"bypass_dsq", queue, 0}});
    dispatch_queue = queue;
    b.enumeration("scx_dsq_lnode_flags", {{"SCX_DSQ_LNODE_ITER_CURSOR", 1}});
    b.enumeration("scx_ops_state", {{"SCX_OPSS_NONE", 0},
                                    {"SCX_OPSS_QUEUEING", 1},
                                    {"SCX_OPSS_QUEUED", 2},
                                    {"SCX_OPSS_DISPATCHING", 3},
                                    {"SCX_OPSS_QSEQ_SHIFT", 2}});
    b.enumeration64("scx_dsq_id_flags", {{"SCX_DSQ_FLAG_BUILTIN", uint64_t{1} << 63},
                                         {"SCX_DSQ_INVALID", uint64_t{1} << 63},
                                         {"SCX_DSQ_LOCAL", (uint64_t{1} << 63) | 2}});
    if (shape.states_among_flags) {
      b.enumeration("scx_ent_flags", {{"SCX_TASK_STATE_SHIFT", 8},
                                      {"SCX_TASK_STATE_MASK", 0x700},
                                      {"SCX_TASK_READY", 0x300},
                                      {"SCX_TASK_ENABLED", 0x400}});
    } else {
      b.enumeration(
          "scx_ent_flags",
          {{"SCX_TASK_QUEUED", 1}, {"SCX_TASK_STATE_SHIFT", 8}, {"SCX_TASK_STATE_MASK", 0x300}});
      b.enumeration("scx_task_state", {{"SCX_TASK_NONE", 0},
                                       {"SCX_TASK_INIT", 1},
                                       {"SCX_TASK_READY", 2},
                                       {"SCX_TASK_ENABLED", 3}});
    }
    Fields fields = {{"dsq", b.pointer(queue), 0},
                     {"dsq_list", node, 8},
                     {"flags", u32, 36},
                     {"ops_state", atomic_long, 40},
                     {"runnable_node", list_head, 48},
                     {"ddsp_dsq_id", u64, 64},
                     {"slice", u64, 72},
                     {"dsq_vtime", u64, 80}};
    if (shape.task_list) fields.push_back({"runnable_at", word, 88});
    return b.structure("sched_ext_entity", 112, fields);
  }

  void maps() {
    const int map = b.structure(
        "bpf_map", 64, {{"map_type", u32, 0}, {"value_size", u32, 4}, {"max_entries", u32, 8}});
    b.structure("bpf_array", 72,
                {{"map", map, 0}, {"elem_size", u32, 64}, {"value", b.array(character, 0), 72}});
    b.structure("bpf_queue_stack", 80,
                {{"map", map, 0},
                 {"head", u32, 64},
                 {"tail", u32, 68},
                 {"size", u32, 72},
                 {"elements", b.array(character, 0), 80}});
    b.enumeration("bpf_map_type", {{"BPF_MAP_TYPE_ARRAY", 2}, {"BPF_MAP_TYPE_QUEUE", 22}});
  }

  void groups() {
    const int node = b.structure("kernfs_node", 32,
                                 {{"__parent", b.pointer(b.forward("kernfs_node")), 0},
                                  {"name", b.pointer(character), 8},
                                  {"id", u64, 16}});
    const int cgroup = b.structure("cgroup", 16, {{"level", s32, 0}, {"kn", b.pointer(node), 8}});
    const int css = b.structure("cgroup_subsys_state", 16, {{"cgroup", b.pointer(cgroup), 0}});
    const int queue = b.structure("cfs_rq", 64, {{"nr_queued", u32, 0}});
    const int entity = b.structure("group_entity", 64, {{"vruntime", u64, 0}});
    b.structure("cfs_tg_state", 8192, {{"cfs_rq", queue, 0}, {"se", entity, 4096}});
    Fields fields = {{"css", css, 0},
                     {"cfs_rq", b.pointer(shape.per_cpu_groups ? queue : b.pointer(queue)), 16},
                     {"list", list_head, 32},
                     {"parent", b.pointer(b.forward("task_group")), 48},
                     {"shares", word, 56}};
    if (!shape.per_cpu_groups) fields.push_back({"se", b.pointer(b.pointer(entity)), 24});
    if (shape.group_tree) {
      fields.push_back({"children", list_head, 64});
      fields.push_back({"siblings", list_head, 80});
    }
    b.structure("task_group", shape.group_tree ? 96 : 64, fields);
  }

  void tasks() {
    const int thread_info = b.structure("thread_info", 24, {{"flags", word, 0}, {"cpu", u32, 16}});
    const int entity =
        b.structure("sched_entity", 64, {{"vruntime", u64, 0}, {"sched_delayed", u8, 9}});
    const int on = shape.narrow_on_rq ? u8 : s32;
    Fields fields = {
        {"thread_info", thread_info, 0},
        {"__state", u32, 24},
        {"stack", pointer, 32},
        {"on_cpu", on, 48},
        {"on_rq", on, 52},
        {"policy", u32, 56},
        {"reset_on_fork", u32, 60, 1},
        {"sched_class", b.pointer(b.constant(b.structure("sched_class", 8, {}))), 64},
        {"se", entity, 72},
        {"pid", b.typedef_of("pid_t", s32), 256},
        {"pi_lock", raw_spinlock, 260},
        {"start_time", u64, 264},
        {"start_boottime", u64, 272},
        {"pid_links", b.array(hlist_node, 4), 280},
        {"comm", b.array(character, 16), 344},
        {"parent", b.pointer(b.forward("task_struct")), 360},
        {"stats", b.pointer(b.structure("task_stats", 16, {{"a", u64, 0}, {"b", u64, 8}})), 368},
        {"prio", b.signed_integer("int", 4), 384},
        {"rt_priority", u32, 388}};
    if (shape.sched_ext) fields.push_back({"scx", sched_ext_entity(), 136});
    if (shape.task_list) {
      fields.push_back({"tasks", list_head, 392});
      fields.push_back(
          {"cpus_mask", b.structure("cpumask", 8, {{"bits", b.array(word, 1), 0}}), 408});
    }
    const int task = b.structure("task_struct", 512, fields);
    runqueues(task);
  }

  void clock() {
    b.structure("clocksource", 64,
                {{"mask", u64, 0}, {"name", b.pointer(b.constant(character)), 24}});
  }

  void runqueues(int task) {
    Fields of_scx = {{"runnable_list", list_head, 0}, {"nr_running", u32, 16}};
    if (shape.sched_ext) of_scx.push_back({"local_dsq", dispatch_queue, 24});
    const int scx_rq = b.structure("scx_rq", 72, of_scx);
    const int rq = b.structure("rq", 256,
                               {{"nr_running", u32, 0},
                                {"__lock", raw_spinlock, 8},
                                {"scx", scx_rq, 128},
                                {"curr", b.pointer(task), 40},
                                {"cpu", s32, 48},
                                {"core", b.pointer(b.forward("rq")), 56},
                                {"core_enabled", u32, 64},
                                {"clock", u64, 72}});
    b.per_cpu_variable("runqueues", rq);
    b.per_cpu_variable("this_cpu_off", word);
    if (shape.per_cpu_hot) {
      const int hot = b.structure(
          "pcpu_hot", 16, {{"current_task", b.pointer(task), 0}, {"preempt_count", s32, 8}});
      b.per_cpu_variable("pcpu_hot", hot);
      return;
    }
    b.per_cpu_variable("__preempt_count", s32);
    b.per_cpu_variable("current_task", b.pointer(task));
  }
};

}  // namespace

std::vector<std::byte> fake_kernel_btf(const FakeKernelShape& shape) {
  BtfBuilder builder;
  Types types(builder, shape);
  types.pids();
  types.tasks();
  types.maps();
  types.groups();
  types.links();
  if (shape.clock) types.clock();
  return builder.bytes();
}

}  // namespace ktape::test
