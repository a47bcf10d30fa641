# SPDX-License-Identifier: Apache-2.0
"""The size of a tape of the reference scenario, beside its kernel's BTF and symbols compressed as far as zstd can."""

import os
import sqlite3

import captures
from harness import BenchError
from row import Benchmark, Row

BTF, SYMBOLS = "btf", "symbols"  # names of blobs


def blob(context, tape, name):
    """The path of a file with the tape's blob of that name."""
    with sqlite3.connect(f"file:{tape}?immutable=1", uri=True) as database:
        found = database.execute("select codec, data from blob where name = ?", (name,)).fetchall()
    if len(found) != 1:
        raise BenchError(f"the tape has {len(found)} blobs '{name}'")
    (codec, data), = found
    path = os.path.join(context.work, name)
    with open(path + (".zst" if codec else ""), "wb") as out:
        out.write(data)
    if codec:
        context.run(["zstd", "-q", "-d", "-f", path + ".zst", "-o", path])
    return path


def squeezed_kb(context, path):
    context.run(["zstd", "-q", "-19", "-f", path, "-o", path + ".19"])
    return os.path.getsize(path + ".19") / 1000


def tape_size(context):
    floor, ours = [], []
    for pair in range(context.pairs):
        context.say(f"capture {pair + 1} of {context.pairs}")
        tape = os.path.join(context.work, "size.ktape")
        context.run(captures.capture_command(context, tape))
        ours.append(os.path.getsize(tape) / 1000)
        # The kernel is the same each time, so its blobs are compressed only once.
        floor.append(floor[0] if floor else
                     sum(squeezed_kb(context, blob(context, tape, name)) for name in (BTF, SYMBOLS)))
        os.remove(tape)
    return [Row(name="tape-size", unit="kB", floor=floor, ours=ours, goal=1.4)]


BENCHMARKS = [Benchmark(("tape-size",), "a tape of the reference scenario, against its BTF and symbols in zstd -19: kB",
                        tape_size, captures.TARGETS)]
