/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of the kernel's types that ktape's scheduler uses. CO-RE relocates them for the running
 * kernel, so only names and kinds matter here, not order or completeness.
 *
 * Names as in the kernel: include/linux/sched.h, include/linux/sched/ext.h, kernel/sched/ext.c.
 */
#ifndef KTAPE_SCX_BPF_H
#define KTAPE_SCX_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

typedef __u64 u64;
typedef __s64 s64;
typedef __u32 u32;
typedef __s32 s32;

/* Values differ between kernels: read them only with bpf_core_enum_value(). */
enum scx_dsq_id_flags {
	SCX_DSQ_GLOBAL,
	SCX_DSQ_LOCAL,
};

enum scx_exit_kind {
	SCX_EXIT_NONE,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sched_entity {
	u64 sum_exec_runtime;
};

struct sched_ext_entity {
	u32 weight;
	u64 dsq_vtime;
};

struct task_struct {
	s32 pid;
	struct sched_entity se;
	struct sched_ext_entity scx;
};

struct scx_exit_info {
	enum scx_exit_kind kind;
	s64 exit_code;
	const char *reason;
	char *msg;
	char *dump;
};

#pragma clang attribute pop

/* libbpf matches members by name and omits those the kernel does not have. */
struct sched_ext_ops {
	s32 (*select_cpu)(struct task_struct *p, s32 prev_cpu, u64 wake_flags);
	void (*enqueue)(struct task_struct *p, u64 enq_flags);
	void (*dispatch)(s32 cpu, struct task_struct *prev);
	void (*running)(struct task_struct *p);
	void (*stopping)(struct task_struct *p, bool runnable);
	void (*enable)(struct task_struct *p);
	void (*disable)(struct task_struct *p);
	s32 (*init)(void);
	void (*exit)(struct scx_exit_info *info);
	u64 flags;
	u32 timeout_ms;
	u32 exit_dump_len;
	char name[128];
};

/*
 * All are weak, so that the scheduler loads wherever it can do without them: see scx_can_*(). The suffix
 * ___ktape is ours, because libbpf drops the last ___suffix of a name before it looks it up. A weak kfunc
 * counts as missing if its arguments differ from those in the kernel's BTF.
 *
 * That happens to kfuncs that get the program's struct bpf_prog_aux from the verifier (KF_IMPLICIT_ARGS), if
 * the kernel was built with a pahole that does not tag each of them as a kfunc (DECL_TAG "bpf_kfunc"): BTF
 * then shows that argument and lacks their twin NAME_impl (tools/bpf/resolve_btfids), without which the
 * verifier rejects every call. Which kfuncs are affected is arbitrary: in Debian's 7.1.13
 * scx_bpf_create_dsq, scx_bpf_dsq_insert___v2 and scx_bpf_task_set_dsq_vtime cannot be called, in its 7.2.12
 * scx_bpf_error_bstr cannot either. ktape kernel inspect lists them (guest/kernel/types/kfuncs.h).
 */
s32 scx_bpf_select_cpu_dfl(struct task_struct *p, s32 prev_cpu, u64 wake_flags, bool *is_idle) __ksym __weak;
void scx_bpf_error_bstr(char *fmt, unsigned long long *data, u32 data_bytes) __ksym __weak;
s32 scx_bpf_create_dsq___ktape(u64 dsq_id, s32 node) __ksym __weak;

/* Newer kernels replace these; the second of each pair is the older one. */
bool scx_bpf_dsq_insert___v2___ktape(struct task_struct *p, u64 dsq_id, u64 slice,
				     u64 enq_flags) __ksym __weak;
void scx_bpf_dsq_insert___ktape(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags) __ksym __weak;

struct scx_bpf_dsq_insert_vtime_args {
	u64 dsq_id;
	u64 slice;
	u64 vtime;
	u64 enq_flags;
};

bool __scx_bpf_dsq_insert_vtime(struct task_struct *p,
				struct scx_bpf_dsq_insert_vtime_args *args) __ksym __weak;
void scx_bpf_dsq_insert_vtime(struct task_struct *p, u64 dsq_id, u64 slice, u64 vtime,
			      u64 enq_flags) __ksym __weak;

bool scx_bpf_dsq_move_to_local___v2___ktape(u64 dsq_id, u64 enq_flags) __ksym __weak;
bool scx_bpf_dsq_move_to_local___ktape(u64 dsq_id) __ksym __weak;

/* If it is missing, p->scx.dsq_vtime is written directly. */
bool scx_bpf_task_set_dsq_vtime(struct task_struct *p, u64 vtime) __ksym __weak;

static inline bool scx_can_create_dsq(void)
{
	return bpf_ksym_exists(scx_bpf_create_dsq___ktape);
}

static inline bool scx_can_error(void)
{
	return bpf_ksym_exists(scx_bpf_error_bstr);
}

/* Without the kernel's choice of a CPU, the task stays on its previous one. */
static inline s32 scx_select_cpu(struct task_struct *p, s32 prev_cpu, u64 wake_flags, bool *is_idle)
{
	if (bpf_ksym_exists(scx_bpf_select_cpu_dfl))
		return scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, is_idle);
	return prev_cpu;
}

static inline void scx_insert(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags)
{
	if (bpf_ksym_exists(scx_bpf_dsq_insert___v2___ktape))
		scx_bpf_dsq_insert___v2___ktape(p, dsq_id, slice, enq_flags);
	else
		scx_bpf_dsq_insert___ktape(p, dsq_id, slice, enq_flags);
}

static inline void scx_insert_vtime(struct task_struct *p, u64 dsq_id, u64 slice, u64 vtime, u64 enq_flags)
{
	if (bpf_ksym_exists(__scx_bpf_dsq_insert_vtime)) {
		struct scx_bpf_dsq_insert_vtime_args args = {
			.dsq_id = dsq_id,
			.slice = slice,
			.vtime = vtime,
			.enq_flags = enq_flags,
		};

		__scx_bpf_dsq_insert_vtime(p, &args);
	} else {
		scx_bpf_dsq_insert_vtime(p, dsq_id, slice, vtime, enq_flags);
	}
}

static inline bool scx_move_to_local(u64 dsq_id)
{
	if (bpf_ksym_exists(scx_bpf_dsq_move_to_local___v2___ktape))
		return scx_bpf_dsq_move_to_local___v2___ktape(dsq_id, 0);
	return scx_bpf_dsq_move_to_local___ktape(dsq_id);
}

static inline void scx_set_vtime(struct task_struct *p, u64 vtime)
{
	if (bpf_ksym_exists(scx_bpf_task_set_dsq_vtime))
		scx_bpf_task_set_dsq_vtime(p, vtime);
	else
		p->scx.dsq_vtime = vtime;
}

/* The kernel compares virtual times with wrap-around. */
static inline bool vtime_before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

#endif
