# SPDX-License-Identifier: Apache-2.0
"""Measurements on a running guest: freezes, requests, recorded memory, reads by QMP. See bench_guest.cc."""

import json
import os
import sqlite3
import tempfile

from row import DIFFERENCE, VALUE, Benchmark, Curve, Row, median

PROGRAM = "bench_guest"
PAIRS = 30
PAIRS_MOST = 55  # requests of one scenario; a guest takes long to parse a step with many
VCPUS = (1, 2, 4)
LOADS = ("idle", "busy")
XP_GOAL = 1 / 1000
FREEZE_PAGE_BYTES = 56  # size of a row of freeze_page in the file, by dbstat
KERNEL = "6.16.12"


def sample(context, what, *arguments, pairs=None, folder=None):
    """The output of bench_guest, from a guest of its own."""
    with tempfile.TemporaryDirectory(dir=context.work) as scratch:
        folder = folder or scratch
        pairs = pairs or max(context.pairs, 5 if context.quick else PAIRS)
        return json.loads(context.run([context.program(PROGRAM), what, "--scratch", folder, "--pairs", str(pairs),
                                       *map(str, arguments)]))


def scaled(samples, scale):
    return [value / scale for value in samples]


def freeze_row(cpus, load):
    name = f"freeze-{cpus}-{load}"

    def run(context):
        arguments = ["--cpus", cpus] + (["--busy"] if load == "busy" else [])
        found = sample(context, "requests", *arguments)["freeze"]
        return [Row(name, "us", scaled(found["floor"], 1e3), scaled(found["ours"], 1e3), 1.3, goal_p99=2)]

    return Benchmark((name,), f"from a stop to running again, for a request of 4 entries: {cpus} vCPUs, {load}", run,
                     (PROGRAM,))


def run_request(context):
    found = sample(context, "requests")["request"]
    return [Row("request-cold", "us", scaled(found["floor"], 1e3), scaled(found["ours"], 1e3), 1.3,
                note="the guest's time from one request to the next is in both; the floor answers with as many bytes")]


def run_xp(context):
    found = sample(context, "xp")
    return [Row(f"xp-{kind}", "ns", of["floor"], of["ours"], XP_GOAL, note=xp_note(of)) for kind, of in found.items()]


def xp_note(found):
    """What the floor consists of, and how a single command compares with ours."""
    single = median(found["single"])
    commands = "one command" if found["commands"] == 1 else f"{found['commands']} commands, for what ours reads"
    return f"floor: {commands}; one alone, without gates, takes {single / 1e3:.0f} us, {single / median(found['ours']):.0f} x ours"


def run_full(context):
    found = sample(context, "full")
    way = median(found["way"]) / 1e6
    return [Row("memory-full", "ms", scaled(found["floor"], 1e6), scaled(found["ours"], 1e6), 1.5,
                note=f"ours includes the {way:.2f} ms of a freeze that keeps nothing")]


def kept_at_freezes(tape):
    """Bytes of the tape that each freeze took: its rows of freeze_page, and the pages that are new in it."""
    with sqlite3.connect(f"file:{tape}?mode=ro", uri=True) as database:
        rows = database.execute("select freeze, count(*) from freeze_page group by freeze order by freeze").fetchall()
        pages = dict(database.execute("""
            select first, sum(bytes) from (select min(f.freeze) as first, length(p.data) + 32 as bytes
            from freeze_page f join page p on p.hash = f.hash group by p.hash) group by first"""))
    return [count * FREEZE_PAGE_BYTES + pages.get(freeze, 0) for freeze, count in rows]


def run_sched(context):
    with tempfile.TemporaryDirectory(dir=context.work) as folder:
        found = sample(context, "sched", folder=folder)
        kept = scaled(kept_at_freezes(os.path.join(folder, "sched.ktape")), 1e3)
    return [Row("memory-sched", "ms", scaled(found["floor"], 1e6), scaled(found["ours"], 1e6), 2, goal_of=DIFFERENCE),
            Row("memory-sched-kept", "kB", (), kept, 300, goal_of=VALUE, goal_p99=300,
                note=f"compressed pages and rows that a freeze adds to the tape; the first one adds {kept[0]:.1f} kB")]


BENCHMARKS = [freeze_row(cpus, load) for cpus in VCPUS for load in LOADS] + [
    Benchmark(("request-cold",), "from a request of the guest to its reply, cold", run_request, (PROGRAM,)),
    Benchmark(("xp-symbol", "xp-per-cpu", "xp-task"), "a value by QMP's xp, and by a typed read", run_xp, (PROGRAM,)),
    Benchmark(("memory-full",), "time frozen with --memory full, 512 MB, after the first", run_full, (PROGRAM,)),
    Benchmark(("memory-sched", "memory-sched-kept"), "time frozen with --memory sched and none, and what is kept",
              run_sched, (PROGRAM,)),
]


def freeze_line(context, *arguments, pairs=None):
    """Median us of a freeze and of a request, floor and ours, and the ratios."""
    found = sample(context, "requests", *arguments, pairs=pairs)
    cells = []
    for what in ("freeze", "request"):
        floor, ours = (median(found[what][which]) / 1e3 for which in ("floor", "ours"))
        cells += [floor, ours, ours / floor]
    return cells


def curve_vcpus(context):
    return [[str(cpus)] + freeze_line(context, "--cpus", cpus) for cpus in (1, 2, 4, 8)]


def curve_entries(context):
    # The text of a scenario is bounded, and so is the number of its actions.
    return [[str(entries)] + freeze_line(context, "--entries", entries, pairs=max(5, min(PAIRS, 480 // entries)))
            for entries in (1, 4, 16, 64, 256)]


def curve_parts(context):
    """Median us of each part of a freeze."""
    lines = []
    for cpus in (1, 4):
        found = sample(context, "requests", "--cpus", cpus)
        lines.append([str(cpus)] + [median(found[part]) / 1e3 for part in ("stop", "still", "go-on")] +
                     [median(found["freeze"]["floor"]) / 1e3])
    return lines


# A guest with some work, for long enough to be frozen a thousand times.
LONG_SCENARIO = """(
  name = "long", durationMs = 30000, watchdogMs = 120000,
  scheduler = (vtime = (switchMode = full)),
  workers = [(name = "worker", policy = normal, phases = [(spinMs = 1), (sleepMs = 3)], loop = true)],
  steps = [(name = "sleep", actions = [(sleepMs = 12000)])],
)
"""
FREEZE_EVERY_MS = 5
FREEZES = (1, 10, 100, 1000)
NEIGHBOURS = 10  # number of freezes whose median is in a line


def curve_freezes(context):
    with tempfile.TemporaryDirectory(dir=context.work) as folder:
        scenario, tape = (os.path.join(folder, name) for name in ("long.scenario", "long.ktape"))
        with open(scenario, "w", encoding="utf-8") as file:
            file.write(LONG_SCENARIO)
        context.run([context.program("ktape-capture"), scenario, "--kernel", KERNEL, "-o", tape, "--freeze-every",
                     str(FREEZE_EVERY_MS)])
        with sqlite3.connect(f"file:{tape}?mode=ro", uri=True) as database:
            freezes = list(database.execute("select began_ns, stop_latency_ns, frozen_ns from freeze order by freeze"))
            kept = dict(database.execute("""
                select first, sum(bytes) from (select min(f.freeze) as first, length(p.data) + 32 as bytes
                from freeze_page f join page p on p.hash = f.hash group by p.hash) group by first"""))
    return [freezes_line(freezes, kept, number) for number in FREEZES if number + NEIGHBOURS < len(freezes)]


def freezes_line(freezes, kept, number):
    """The medians of the freeze of this number and those that follow; the first freeze alone."""
    chosen = range(number, number + (1 if number == 1 else NEIGHBOURS))
    stood = [(freezes[n - 1][1] + freezes[n - 1][2]) / 1e3 for n in chosen]
    # The time from the end of its recording to the next freeze.
    after = [(freezes[n][0] - sum(freezes[n - 1])) / 1e3 - FREEZE_EVERY_MS * 1e3 for n in chosen]
    return [str(number), median(stood), median(after), median([kept.get(n, 0) / 1e3 for n in chosen])]


MEASURED = ("freeze floor, us", "freeze, us", "ratio", "request floor, us", "request, us", "ratio")
CURVES = [
    Curve("vcpus", "A request of four entries in an idle guest, by vCPUs", ("vCPUs",) + MEASURED, curve_vcpus, (PROGRAM,)),
    Curve("entries", "A request of an idle guest, by its entries", ("entries",) + MEASURED, curve_entries, (PROGRAM,)),
    Curve("freezes", "Freezes of one run, which keeps its scheduler's memory at each",
          ("freeze", "stop to thaw, us", "after the thaw, us", "kept, kB"), curve_freezes,
          ("ktape-capture", "ktape_inside", "ktape_initramfs", "ktape_scenarios")),
    Curve("freeze-parts", "A freeze: us of each part",
          ("vCPUs", "until stopped, with registers", "while stopped", "until running", "floor, in total"),
          curve_parts, (PROGRAM,)),
]
