/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ktape_vtime: a weighted fair scheduler for observation and fault injection.
 *
 * Purpose: p->scx.dsq_vtime follows one simple rule, so that a recorded run can be judged: within
 * one attachment, the virtual time of a task never goes back.
 *
 * Design: one shared DSQ, ordered by virtual time. A task is charged the time it ran, scaled by
 * 100 / weight. The global virtual time is the highest of any task that has started to run. A task
 * that slept keeps at most one slice of credit. A woken task goes straight to an idle CPU if there
 * is one. Values are only raised: a value written into dsq_vtime from outside is kept, however far
 * ahead it is, and the task waits behind the others accordingly. The scheduler keeps its own map of
 * the virtual times it assigned, to compare with values read from the kernel.
 *
 * Limits: one DSQ for the whole machine, no topology, no cgroup weights. A task that was set far
 * ahead pulls the global virtual time along once it runs. If the kernel does not allow it to create
 * a DSQ, tasks wait in the global DSQ, which is FIFO and is served by the kernel itself.
 *
 * The faults are deliberate; they begin `fault_after_ns` after ops.init.
 */
#include "scx.bpf.h"
#include "vtime_shared.h"

char _license[] SEC("license") = "GPL";

/* Defaults; the loader overwrites them before the program is loaded. */
const volatile struct vtime_knobs knobs SEC(".rodata.knobs") = {
	.slice_ns = 20 * 1000 * 1000,
};

struct vtime_exit exit_info SEC(".data.exit") = {};

enum {
	SHARED_DSQ = 0,
	UNKNOWN_DSQ = 0xdead,
};

/* The task running on this CPU, and its total run time when it started. */
struct turn {
	s32 pid;
	u64 from_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct turn);
} turns SEC(".maps");

/*
 * The virtual time that each task was last given, or left with. Some kernels (7.3; not 6.16 or 6.19)
 * clear dsq_vtime when a task leaves sched_ext, but a task that returns must not have gone back.
 */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} booked_vtime SEC(".maps");

static u64 vtime_now;
static u64 begun_at_ns;

static void book(struct task_struct *p, u64 vtime)
{
	u64 *booked = bpf_task_storage_get(&booked_vtime, p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (booked)
		*booked = vtime;
}

static bool fault_due(enum vtime_fault fault)
{
	return knobs.fault == fault && bpf_ktime_get_ns() - begun_at_ns >= knobs.fault_after_ns;
}

static bool any_fault_due(void)
{
	return knobs.fault != VTIME_FAULT_NONE && fault_due(knobs.fault);
}

SEC("struct_ops/vtime_select_cpu")
s32 BPF_PROG(vtime_select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	bool is_idle = false;
	s32 cpu = scx_select_cpu(p, prev_cpu, wake_flags, &is_idle);

	/* Faults happen in ops.enqueue and ops.dispatch; do not bypass them. */
	if (is_idle && !any_fault_due())
		scx_insert(p, bpf_core_enum_value(enum scx_dsq_id_flags, SCX_DSQ_LOCAL), knobs.slice_ns, 0);
	return cpu;
}

SEC("struct_ops/vtime_enqueue")
void BPF_PROG(vtime_enqueue, struct task_struct *p, u64 enq_flags)
{
	u64 vtime = p->scx.dsq_vtime;

	if (fault_due(VTIME_FAULT_BPF_ERROR)) {
		static char format[] = "deliberate fault";
		unsigned long long no_arguments[1] = {};

		if (scx_can_error())
			scx_bpf_error_bstr(format, no_arguments, sizeof(no_arguments));
		return;
	}
	if (fault_due(VTIME_FAULT_UNKNOWN_DSQ)) {
		scx_insert(p, UNKNOWN_DSQ, knobs.slice_ns, enq_flags);
		return;
	}
	if (fault_due(VTIME_FAULT_SWALLOW))
		return;

	if (vtime_before(vtime, vtime_now - knobs.slice_ns))
		vtime = vtime_now - knobs.slice_ns;
	if (scx_can_create_dsq()) {
		scx_insert_vtime(p, SHARED_DSQ, knobs.slice_ns, vtime, enq_flags);
	} else if (fault_due(VTIME_FAULT_STALL)) {
		/* The kernel serves its own DSQ regardless. */
		return;
	} else {
		scx_set_vtime(p, vtime);
		scx_insert(p, bpf_core_enum_value(enum scx_dsq_id_flags, SCX_DSQ_GLOBAL), knobs.slice_ns,
			   enq_flags);
	}
	book(p, vtime);
}

SEC("struct_ops/vtime_dispatch")
void BPF_PROG(vtime_dispatch, s32 cpu, struct task_struct *prev)
{
	if (scx_can_create_dsq() && !fault_due(VTIME_FAULT_STALL))
		scx_move_to_local(SHARED_DSQ);
}

SEC("struct_ops/vtime_running")
void BPF_PROG(vtime_running, struct task_struct *p)
{
	u32 key = 0;
	struct turn *turn = bpf_map_lookup_elem(&turns, &key);

	if (turn) {
		turn->pid = p->pid;
		turn->from_ns = p->se.sum_exec_runtime;
	}
	if (vtime_before(vtime_now, p->scx.dsq_vtime))
		vtime_now = p->scx.dsq_vtime;
}

SEC("struct_ops/vtime_stopping")
void BPF_PROG(vtime_stopping, struct task_struct *p, bool runnable)
{
	u32 key = 0;
	u32 weight = p->scx.weight;
	u64 vtime;
	struct turn *turn = bpf_map_lookup_elem(&turns, &key);

	/*
	 * Charge the run time, not the used part of the slice: the kernel refills the slice of a
	 * task that has the CPU for itself. The pid reveals a turn whose start was not seen.
	 */
	if (!turn || turn->pid != p->pid || !weight)
		return;
	vtime = p->scx.dsq_vtime + (p->se.sum_exec_runtime - turn->from_ns) * 100 / weight;
	scx_set_vtime(p, vtime);
	book(p, vtime);
	turn->pid = 0;
}

SEC("struct_ops/vtime_enable")
void BPF_PROG(vtime_enable, struct task_struct *p)
{
	u64 vtime = p->scx.dsq_vtime;
	u64 *left;

	if (knobs.keep_vtime_on_enable) {
		book(p, vtime);
		return;
	}
	left = bpf_task_storage_get(&booked_vtime, p, NULL, 0);
	if (left && vtime_before(vtime, *left))
		vtime = *left;
	if (vtime_before(vtime, vtime_now))
		vtime = vtime_now;
	scx_set_vtime(p, vtime);
	book(p, vtime);
}

SEC("struct_ops/vtime_disable")
void BPF_PROG(vtime_disable, struct task_struct *p)
{
	book(p, p->scx.dsq_vtime);
}

SEC("struct_ops.s/vtime_init")
s32 BPF_PROG(vtime_init)
{
	begun_at_ns = bpf_ktime_get_ns();
	exit_info.no_error = !scx_can_error();
	if (scx_can_create_dsq())
		return scx_bpf_create_dsq___ktape(SHARED_DSQ, -1);
	exit_info.no_dsq = 1;
	return 0;
}

SEC("struct_ops/vtime_exit")
void BPF_PROG(vtime_exit, struct scx_exit_info *info)
{
	exit_info.kind = info->kind;
	exit_info.exit_code = info->exit_code;
	bpf_probe_read_kernel_str(exit_info.reason, sizeof(exit_info.reason), info->reason);
	bpf_probe_read_kernel_str(exit_info.message, sizeof(exit_info.message), info->msg);
	bpf_probe_read_kernel_str(exit_info.dump, sizeof(exit_info.dump), info->dump);
	barrier();
	exit_info.published = 1;
}

/* flags and timeout_ms are set by the loader. */
SEC(".struct_ops.link")
struct sched_ext_ops vtime_ops = {
	.select_cpu = (void *)vtime_select_cpu,
	.enqueue = (void *)vtime_enqueue,
	.dispatch = (void *)vtime_dispatch,
	.running = (void *)vtime_running,
	.stopping = (void *)vtime_stopping,
	.enable = (void *)vtime_enable,
	.disable = (void *)vtime_disable,
	.init = (void *)vtime_init,
	.exit = (void *)vtime_exit,
	.exit_dump_len = VTIME_DUMP_LEN,
	.name = "ktape_vtime",
};
