# SPDX-License-Identifier: Apache-2.0
"""The cost of a typed read inside a freeze: bench_reads.cc."""

from row import VALUE, Benchmark, Curve, Row

PROGRAM = "bench_reads"
KERNELS = ("6.16.12", "6.19.14", "7.3.4")
ENTRIES = (1, 4, 16, 64, 256)
GOALS_NS = {"read-symbol": 20, "read-per-cpu": 30, "read-task": 1000}
ABOUT = {"read-symbol": "a symbol, in a request of 64", "read-per-cpu": "a member of a CPU's runqueue, in a request of 64",
         "read-task": "a task's vtime with all its gates, in a request of 64"}


def row_of(name):
    def run(context):
        ours = context.google(PROGRAM, name, per="item")["ours"]
        return [Row(name=name, unit="ns", floor=(), ours=ours, goal=GOALS_NS[name], goal_of=VALUE)]

    return run


def curve_of(name):
    def run(context):
        samples = context.google_all(PROGRAM, f"^{name}/[0-9.]+/[0-9]+(/real_time)?$", per="item")
        return [[kernel] + [min(samples[f"{name}/{kernel}/{entries}"]) for entries in ENTRIES] for kernel in KERNELS]

    return run


BENCHMARKS = [Benchmark((name,), f"reading {ABOUT[name]}: ns per read", row_of(name), (PROGRAM,)) for name in GOALS_NS]
CURVES = [Curve(name, f"{name}: ns per read, by kernel and entries of the request", ("kernel",) + tuple(map(str, ENTRIES)),
                curve_of(name), (PROGRAM,)) for name in GOALS_NS]
