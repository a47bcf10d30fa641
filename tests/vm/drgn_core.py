#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Opens an exported core with drgn and holds what it reads against what ktape reads.

usage: drgn_core.py BIN TAPE FREEZE CORE

drgn has no types without the kernel's debug information, and BTF is not enough for it: addresses and
offsets come from the tape, by way of ktape read. drgn does the rest by itself: it finds the page tables by
VMCOREINFO and walks them for every address.
"""

import json
import subprocess
import sys

import drgn

binaries, tape, freeze, core_path = sys.argv[1:]


def read(*targets):
    run = [f"{binaries}/ktape-read", tape, "--at", freeze, "--json", *targets]
    lines = subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def address(answer):
    return int(answer["reply"]["virtualAddress"])


TASKS = "(struct task_struct)init_task.tasks"
jiffies, head, name, listed = read(
    "jiffies_64:u64",
    TASKS,
    "(struct task_struct)init_task.comm",
    TASKS + "{list struct task_struct tasks 1000}.comm",
)
core = drgn.Program()
core.set_core_dump(core_path)
assert core.flags & drgn.ProgramFlags.IS_LINUX_KERNEL, core.flags

seen = core.read_u64(address(jiffies))
assert seen == int(jiffies["reply"]["value"]["u64"]), f"jiffies_64 is {seen}"

comms = []
link = core.read_u64(address(head))
while link != address(head):
    comms.append(core.read(link + address(name) - address(head), 16).split(b"\0")[0].decode())
    link = core.read_u64(link)
expected = [json.loads(text) for text in listed["decoded"]]
assert comms == expected, f"drgn lists {comms}, ktape {expected}"
assert "init" in comms and "sleeper" in comms, comms
print(f"drgn {drgn.__version__}: jiffies_64 is {seen}, {len(comms)} tasks")
