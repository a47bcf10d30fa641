#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Opens an exported core with drgn and holds what it reads against what ktape reads; the registers of each
vCPU are read from the core's notes, and held against the guest's memory and the tape.

usage: drgn_core.py BIN TAPE FREEZE CORE

drgn has no types without the kernel's debug information, and BTF is not enough for it: addresses and
offsets come from the tape, by way of ktape read. drgn does the rest by itself: it finds the page tables by
VMCOREINFO and walks them for every address.
"""

import json
import struct
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


def frozen_vcpus():
    """What the tape says of each vCPU at the freeze, the last one of it."""
    run = [f"{binaries}/ktape-show", "--json", tape]
    lines = subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    frozen = [record["frozen"] for record in map(json.loads, lines) if record["kind"] == "frozen"]
    return frozen[-1]["vcpus"]


# user_regs_struct of sys/user.h
REGISTERS = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base "
    "ds es fs gs"
).split()
PRSTATUS_REGISTERS = 112  # pr_reg in struct elf_prstatus


def core_registers():
    """The registers of each NT_PRSTATUS note, by name."""
    with open(core_path, "rb") as core_file:
        front = core_file.read(1 << 20)
    (headers,) = struct.unpack_from("<Q", front, 32)  # e_phoff
    kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", front, headers)
    assert kind == 4, kind  # PT_NOTE
    found = []
    end = offset + size
    while offset < end:
        name_size, content_size, kind = struct.unpack_from("<III", front, offset)
        content = offset + 12 + (name_size + 3) // 4 * 4
        if kind == 1:  # NT_PRSTATUS
            values = struct.unpack_from(f"<{len(REGISTERS)}Q", front, content + PRSTATUS_REGISTERS)
            found.append(dict(zip(REGISTERS, values)))
        offset = content + (content_size + 3) // 4 * 4
    return found


STACK_BYTES = 16384  # THREAD_SIZE and IRQ_STACK_SIZE of x86-64 (asm/page_64_types.h)


def check_registers(cpu, core_has, tape_has):
    """True when the vCPU was in the kernel, so that its stack is known."""
    renamed = {"fs_base": "fsBase", "gs_base": "gsBase", "eflags": "rflags"}
    assert "registers" in tape_has, f"CPU {cpu}: the tape has no registers, only rip, rsp and the like"
    for name in set(REGISTERS) - {"orig_rax", "rip"}:
        said = int(tape_has["registers"][renamed.get(name, name)])
        assert core_has[name] == said, f"CPU {cpu}: {name} is {core_has[name]:#x}, on the tape {said:#x}"
    assert core_has["rip"] == int(tape_has["rip"])
    if tape_has["cpl"] != 0:
        return False
    stack, interrupts, per_cpu = (
        int(answer["reply"]["value"]["u64"])
        for answer in read(
            f"cpu{cpu}:current_task->stack", f"cpu{cpu}:hardirq_stack_ptr:u64", f"cpu{cpu}:this_cpu_off:u64"
        )
    )
    in_task = 0 < core_has["rsp"] - stack <= STACK_BYTES
    in_interrupt = 0 <= interrupts - core_has["rsp"] <= STACK_BYTES
    where = f"CPU {cpu}: rsp {core_has['rsp']:#x}, stacks {stack:#x} and below {interrupts:#x}"
    assert in_task or (in_interrupt and tape_has["context"] != "task"), where
    assert core_has["gs_base"] == per_cpu, f"CPU {cpu}: gs_base {core_has['gs_base']:#x}, not {per_cpu:#x}"
    return True


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

pairs = list(zip(core_registers(), frozen_vcpus(), strict=True))
in_kernel = [check_registers(cpu, *pair) for cpu, pair in enumerate(pairs)]
assert any(in_kernel), "every vCPU was in user space"
print(f"drgn {drgn.__version__}: jiffies_64 is {seen}, {len(comms)} tasks, {len(in_kernel)} vCPUs")
