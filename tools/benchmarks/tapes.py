# SPDX-License-Identifier: Apache-2.0
"""The cost of writing, analyzing and checking tapes: bench_tape.cc, bench_check.cc, and separate programs."""

import os
import subprocess
import time

from harness import BenchError
from row import VALUE, Benchmark, Curve, Row, median

WRITE, CHECK, MAKE, SELECT, NOTHING, MOST_MEMORY = ("bench_tape", "bench_check", "bench_make_tape",
                                                    "bench_select_records", "bench_nothing", "bench_most_memory")
RECORDS = (10_000, 100_000, 1_000_000)
ANALYZERS = ("freeze-bound", "freeze-consistent", "freeze-order", "gates-complete", "jiffies-nonzero", "no-scheduler-error",
             "op-pairing", "percpu-typed", "run-completed", "value", "vtime-monotonic", "worker-progress")
# Required arguments of the analyzers that have some. `value`: a tag that the reference scenario reads.
ARGUMENTS = {"freeze-bound": ("--max-ns", "1000000000000"), "value": ("--tag", "verify_dsq_vtime", "--op", ">=", "--to", "0"),
             "worker-progress": ("--max-gap-ms", "1000000")}
PROGRAMS = tuple(f"ktape-assert-{name}" for name in ANALYZERS)
JUDGED = (0, 1, 77)  # exit statuses of an analyzer that reached the tape's end
TAPES = (1, 10, 100)


def append_row(name):
    def rows(context):
        samples = context.google(WRITE, name, per="second")
        return [Row(name=name, unit="1/s", floor=samples["floor"], ours=samples["ours"], goal=0.8, better="higher")]

    return rows


def check_row(context):
    samples = context.google(CHECK, "check-reference")
    return [Row(name="check-reference", unit="ms", floor=[ns / 1e6 for ns in samples["floor"]],
                ours=[ns / 1e6 for ns in samples["ours"]], goal=5)]


def tape_of(context, records):
    """The path of a tape of that many records."""
    path = os.path.join(context.work, f"{records}.ktape")
    if not os.path.exists(path):
        context.say(f"making a tape of {records} records")
        context.run([context.program(MAKE), path, str(records)])
    return path


def run(command, statuses):
    """Runs a program to its end and returns its output."""
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode not in statuses:
        raise BenchError(f"'{' '.join(command)}' ended with status {done.returncode}")
    return done.stdout


def seconds(_, command, statuses=(0,)):
    """The seconds that a program takes."""
    began = time.monotonic()
    run(command, statuses)
    return time.monotonic() - began


def kilobytes(context, command, statuses=(0,)):
    """The peak memory of a program."""
    return int(run([context.program(MOST_MEMORY)] + command, statuses))


def analyzing(context, name, records):
    """The command that judges a tape of that many records."""
    return [context.program(f"ktape-assert-{name}"), tape_of(context, records), *ARGUMENTS.get(name, ())]


def selecting(context, records):
    return [context.program(SELECT), tape_of(context, records)]


def slowest(context, records):
    """The analyzer that takes longest for a tape of that many records."""
    return max(ANALYZERS, key=lambda name: seconds(context, analyzing(context, name, records), JUDGED))


def analyze_row(context):
    records = RECORDS[-1]
    tape_of(context, records)
    name = slowest(context, RECORDS[1])
    floor, ours = context.interleave(lambda: records / seconds(context, selecting(context, records)),
                                     lambda: records / seconds(context, analyzing(context, name, records), JUDGED))
    return [Row(name="analyze-million", unit="1/s", floor=floor, ours=ours, goal=0.5, better="higher",
                note=f"{name}, the slowest of all")]


def memory_row(context):
    """Memory at a million records beside that at ten thousand, for the analyzer whose memory grows most."""
    def memory(name, records):
        return kilobytes(context, analyzing(context, name, records), JUDGED)

    name = max(ANALYZERS, key=lambda one: memory(one, RECORDS[-1]) / memory(one, RECORDS[0]))
    floor, ours = context.interleave(lambda: memory(name, RECORDS[0]), lambda: memory(name, RECORDS[-1]))
    return [Row(name="analyze-memory", unit="kB", floor=floor, ours=ours, goal=1.1,
                note=f"{name}, which grows most; at {RECORDS[-1]} records, the floor at {RECORDS[0]}")]


def curve_of_records(measure):
    def lines_of(context):
        def least(command, statuses=(0,)):
            return min(measure(context, command, statuses) for _ in range(3))

        lines = [["the bare select"] + [least(selecting(context, records)) for records in RECORDS]]
        return lines + [[name] + [least(analyzing(context, name, records), JUDGED) for records in RECORDS]
                        for name in ANALYZERS]

    return lines_of


def curve_of_work(context):
    def appending(records):
        path = os.path.join(context.work, "appended.ktape")
        took = float(run([context.program(MAKE), path, str(records)], (0,)))
        os.remove(path)
        return took

    def judging(verb, records, statuses):
        return seconds(context, [context.program("ktape"), verb, tape_of(context, records)], statuses)

    work = [("appending, a commit per thousand", appending),
            ("ktape verify", lambda records: judging("verify", records, (0,))),
            ("ktape check, all assertions", lambda records: judging("check", records, JUDGED))]
    return [[name] + [min(measure(records) for _ in range(3)) for records in RECORDS] for name, measure in work]


def curve_of_tapes(context):
    samples = context.google_all(CHECK, "^check-tapes/")
    return [[str(tapes), str(1 + tapes * len(ANALYZERS))]
            + [median(samples[f"check-tapes/{tapes}/{which}"]) / 1e6 for which in ("floor", "ours")] for tapes in TAPES]


def curve_of_assertions(context):
    tape = os.path.join(context.root, "tests", "golden", "cold_path_roundtrip-6.16.12.ktape")
    lines = []
    for count in (1, 2, 4, 8, 12):
        command = [context.program("ktape-check"), tape]
        for name in ANALYZERS[:count]:
            command += ["--only", name]
        lines.append([str(count), 1000 * min(seconds(context, command, JUDGED) for _ in range(context.pairs))])
    return lines


ABOUT_APPEND = "appending the events of a run, committed {}, beside bare inserts: events a second"
BENCHMARKS = [
    Benchmark(("append-single",), ABOUT_APPEND.format("one by one"), append_row("append-single"), (WRITE,)),
    Benchmark(("append-group",), ABOUT_APPEND.format("by the thousand"), append_row("append-group"), (WRITE,)),
    Benchmark(("analyze-million",), "analyzing a tape of a million records beside a bare select: records a second",
              analyze_row, (MAKE, SELECT) + PROGRAMS),
    Benchmark(("analyze-memory",), "memory of an analyzer at a million records beside that at ten thousand: kB",
              memory_row, (MAKE, MOST_MEMORY) + PROGRAMS),
    Benchmark(("check-reference",), "ktape check of the reference tape beside as many processes that do nothing: ms",
              check_row, (CHECK, NOTHING, "ktape", "ktape-check") + PROGRAMS),
]
CURVES = [
    Curve("tape-time", "Appending, verifying and checking a tape: seconds, by its records",
          ("what",) + tuple(map(str, RECORDS)), curve_of_work,
          (MAKE, "ktape", "ktape-verify", "ktape-check") + PROGRAMS),
    Curve("analyze-time", "Analyzing a tape: seconds, by its records", ("program",) + tuple(map(str, RECORDS)),
          curve_of_records(seconds), (MAKE, SELECT) + PROGRAMS),
    Curve("analyze-memory", "Analyzing a tape: most memory in kB, by its records", ("program",) + tuple(map(str, RECORDS)),
          curve_of_records(kilobytes), (MAKE, SELECT, MOST_MEMORY) + PROGRAMS),
    Curve("check-tapes", "ktape check with all assertions: ms, by tapes", ("tapes", "processes", "that do nothing", "ktape check"),
          curve_of_tapes, (CHECK, NOTHING, "ktape", "ktape-check") + PROGRAMS),
    Curve("check-assertions", "ktape check of one tape: ms, by assertions", ("assertions", "ktape check"),
          curve_of_assertions, ("ktape-check",) + PROGRAMS),
]
