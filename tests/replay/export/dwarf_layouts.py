#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the DWARF of exported symbols, as drgn reads it, against the BTF beside it: the size of every struct and union
that has a name of its own, and name, place and width of each member; every enumerator of every enum.

usage: dwarf_layouts.py FOLDER
"""

import collections
import struct
import sys

import drgn

folder = sys.argv[1]
with open(f"{folder}/vmlinux.btf", "rb") as file:
    raw = file.read()
_, _, _, header, types_at, types_size, names_at, _ = struct.unpack_from("<HBBIIIII", raw)
WORDS = {1: 1, 14: 1, 17: 1, 3: 3}  # by kind: what follows a type
PER_ITEM = {4: 3, 5: 3, 6: 2, 13: 2, 15: 3, 19: 3}
KINDS = {4: "struct", 5: "union", 6: "enum", 19: "enum"}


def name_at(offset):
    start = header + names_at + offset
    return raw[start : raw.index(b"\0", start)].decode()


def composites():
    """(kind, name, size, flag, items) of each struct, union and enum with a name."""
    at = header + types_at
    while at < header + types_at + types_size:
        name, info, size = struct.unpack_from("<III", raw, at)
        kind, count = info >> 24 & 0x1F, info & 0xFFFF
        words = PER_ITEM.get(kind, 0)
        at += 12
        if kind in KINDS and name_at(name):
            items = [struct.unpack_from(f"<{words}I", raw, at + 4 * words * i) for i in range(count)]
            yield KINDS[kind], name_at(name), size, info >> 31, items
        at += 4 * (words * count + WORDS.get(kind, 0))


def members(flag, items):
    """(name, bit offset, bits of a bit-field) as in BTF."""
    for name, _, place in items:
        yield name_at(name) or None, place & 0xFFFFFF if flag else place, place >> 24 if flag else 0


program = drgn.Program(drgn.host_platform)
program.load_debug_info([f"{folder}/vmlinux"])
every = list(composites())
times = collections.Counter(one[:2] for one in every)
compared = collections.Counter()
wrong = []
for kind, name, size, flag, items in every:
    if times[kind, name] > 1:
        continue
    found = program.type(f"{kind} {name}")
    compared[kind] += 1
    if kind == "enum":
        got = [(one.name, one.value & (1 << 8 * size) - 1) for one in found.enumerators or []]
        wanted = [(name_at(item[0]), item[1] | (item[2] << 32 if len(item) > 2 else 0)) for item in items]
        wanted = [(one, value & (1 << 8 * size) - 1) for one, value in wanted]
    else:
        got = [(one.name, one.bit_offset, one.bit_field_size or 0) for one in found.members]
        wanted = list(members(flag, items))
        if found.size != size:
            wrong.append(f"{kind} {name} has {found.size} bytes, {size} in BTF")
    if got != wanted:
        wrong.append(f"{kind} {name} is {got}, {wanted} in BTF")
print(f"drgn {drgn.__version__}: {dict(compared)}, {len(wrong)} differ")
print("\n".join(wrong[:10]))
sys.exit(1 if wrong or compared["struct"] < 50 else 0)
