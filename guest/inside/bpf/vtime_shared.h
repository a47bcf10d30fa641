/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Shared by the vtime scheduler and its loader: the knobs (section .rodata.knobs, set before load)
 * and the scheduler's exit (section .data.exit, mapped by the loader).
 */
#ifndef KTAPE_VTIME_SHARED_H
#define KTAPE_VTIME_SHARED_H

/* NOLINTBEGIN(readability-identifier-naming): in the style of the kernel */

enum vtime_fault {
	VTIME_FAULT_NONE,
	VTIME_FAULT_STALL,	 /* ops.dispatch leaves every queued task where it is */
	VTIME_FAULT_UNKNOWN_DSQ, /* ops.enqueue inserts into a nonexistent DSQ */
	VTIME_FAULT_BPF_ERROR,	 /* ops.enqueue calls scx_bpf_error() */
	VTIME_FAULT_SWALLOW,	 /* ops.enqueue inserts the task nowhere */
};

struct vtime_knobs {
	unsigned long long slice_ns;
	unsigned long long fault_after_ns; /* counted from ops.init */
	unsigned int fault;		   /* enum vtime_fault */
	unsigned int keep_vtime_on_enable;
};

enum {
	VTIME_REASON_LEN = 128,
	VTIME_MESSAGE_LEN = 1024,
	VTIME_DUMP_LEN = 32768,
};

struct vtime_exit {
	unsigned int published;	 /* written last, when the rest is complete */
	unsigned int no_dsq;	 /* set by ops.init: this kernel does not allow creating a DSQ */
	unsigned int no_error;	 /* likewise: does not allow scx_bpf_error() */
	unsigned long long kind; /* enum scx_exit_kind */
	long long exit_code;
	char reason[VTIME_REASON_LEN];
	char message[VTIME_MESSAGE_LEN];
	char dump[VTIME_DUMP_LEN];
};

/* NOLINTEND(readability-identifier-naming) */

#endif
