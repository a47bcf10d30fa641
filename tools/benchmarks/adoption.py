# SPDX-License-Identifier: Apache-2.0
"""From a kernel's file to the first symbol that can be read: bench_adoption.cc."""

import captures
from row import Benchmark, Curve, Row, median

PROGRAM = "bench_adoption"
PARTS = ("unpack", "digest", "kallsyms", "btf", "adopt", "from-cache")


def ms(samples):
    return [sample / 1e6 for sample in samples]


def adoption(context):
    captures.kernel_image()
    samples = context.google(PROGRAM, "adoption", per="item")
    return [Row("adoption", "ms", ms(samples["floor"]), ms(samples["ours"]), 1.2,
                note="CPU time; unpacking the file is part of both, and most of both: tools/bench --curves --only adoption")]


def parts(context):
    captures.kernel_image()
    samples = context.google_all(PROGRAM, "^adoption-parts/", per="item")
    return [[part, f"{median(ms(samples['adoption-parts/' + part])):.3f}"] for part in PARTS]


BENCHMARKS = [Benchmark(("adoption",), "from a kernel's file to the first read; floor: unpacking and parsing it once: ms",
                        adoption, (PROGRAM,))]
CURVES = [Curve("adoption", "adoption: ms of each part", ("part", "ms"), parts, (PROGRAM,))]
