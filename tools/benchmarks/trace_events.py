# SPDX-License-Identifier: Apache-2.0
"""Trace events, beside libtraceevent: bench_trace.cc."""

from row import Benchmark, Row

PROGRAM = "bench_trace"
GOALS = {"trace-step": 1, "trace-decode": 1, "trace-text": 5}
ABOUT = {"trace-step": "stepping through the events of sub-buffers", "trace-decode": "events with format, task and run time",
         "trace-text": "events as lines of text"}


def row_of(name):
    def run(context):
        samples = context.google(PROGRAM, name, per="second")
        return [Row(name=name, unit="1/s", floor=samples["floor"], ours=samples["ours"], goal=GOALS[name], better="higher")]

    return run


BENCHMARKS = [Benchmark((name,), f"{ABOUT[name]}: events a second", row_of(name), (PROGRAM,)) for name in GOALS]
